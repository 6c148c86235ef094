"""What the command-line tools share: a table of commands, their usage, how faults end."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.standins.proxmox import BANNER, VERSION, api, output, schema
from lab.standins.proxmox.errors import ParamError, PveError, UsageError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.schema import Param

Show = Callable[[Node, Any], None]


@dataclass(frozen=True)
class Command:
    """One command of a tool: its arguments in order, what it does, how its result is shown."""

    run: Callable[[Node, dict[str, Any]], Any]
    params: Mapping[str, Param] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    show: Show | None = None
    formats: bool = False
    """It takes `--output-format` and its like."""


def method(
    verb: str,
    path: str,
    positional: Sequence[str] = (),
    fixed: Mapping[str, str] | None = None,
    show: Show | None = None,
    formats: bool = False,
) -> Command:
    """A command that is a method of the API, with the node and what is `fixed` given."""
    found, given = api.by_path(verb, path), dict(fixed or {})
    params = {name: param for name, param in found.params.items() if name not in {"node", *given}}

    def run(node: Node, texts: dict[str, str]) -> Any:
        own = {"node": node.name} if "node" in found.params else {}
        return found.call(node, own | given | texts)

    return Command(run, params, tuple(positional), show, formats)


def usage(name: str, command: Command) -> str:
    """The line that follows a fault in the arguments."""
    words = [f"<{one}>" if not command.params[one].optional else f"[<{one}>]" for one in command.positional]
    needed = [
        f"--{key} <string>" for key, one in command.params.items() if not one.optional and key not in command.positional
    ]
    options = ["[OPTIONS]"] if set(command.params) - set(command.positional) else []
    return " ".join([name, *words, *needed, *options, *(["[FORMAT_OPTIONS]"] if command.formats else [])])


def execute(node: Node, name: str, command: Command, argv: Sequence[str]) -> int:
    """Run a command of a tool; its status. Raises PveError."""
    params = {**command.params, **(output.OPTIONS if command.formats else {})}
    try:
        texts = schema.read(argv, params, command.positional)
        how = {key: texts.pop(key) for key in output.OPTIONS if command.formats and key in texts}
        schema.verify(how, output.OPTIONS)
        result = command.run(node, texts)
    except (UsageError, ParamError) as fault:
        raise PveError(f"{fault.message}\n\n{usage(name, command)}" if isinstance(fault, UsageError)
                       else f"{fault.message}\n{usage(name, command)}  ") from fault  # fmt: skip
    if isinstance(result, int) and not isinstance(result, bool):
        return result
    if command.show:
        command.show(node, result)
    elif command.formats:
        show(node, result, how)
    return 0


def show(node: Node, result: Any, how: Mapping[str, str]) -> None:
    """Print a result as the format options ask."""
    if how.get("quiet") == "1":
        return
    form = how.get("output-format", "text")
    printed = output.text(result, form, how.get("noborder") != "1", how.get("noheader") != "1")
    if printed:
        node.say(printed)


def pick(tool: str, commands: Mapping[str, Command], argv: Sequence[str]) -> tuple[str, Command, list[str]]:
    """The command that the first words name, and what is left. Raises PveError."""
    for count in (3, 2, 1):
        name = " ".join(argv[:count])
        if len(argv) >= count and name in commands:
            return f"{tool} {name}", commands[name], list(argv[count:])
    lines = [usage(f"       {tool} {name}", command) for name, command in commands.items()]
    known = f"ERROR: unknown command '{tool} {argv[0]}'" if argv else "ERROR: no command specified"
    raise PveError("\n".join([known, f"USAGE: {tool} <COMMAND> [ARGS] [OPTIONS]", *lines]))


def main(tool: str, node: Node, argv: Sequence[str], commands: Mapping[str, Command] | Command) -> int:
    """Run a tool; its exit status."""
    if list(argv) in (["--version"], ["version"]):
        print(f"{tool} {VERSION}\n{BANNER}")
        return 0
    if list(argv) in (["help"], ["--help"]):
        print(BANNER)
        table = {"": commands} if isinstance(commands, Command) else commands
        print("\n".join(usage(f"{tool} {name}".strip(), command) for name, command in table.items()))
        return 0
    if isinstance(commands, Command):
        return guarded(lambda: execute(node, tool, commands, argv))
    return guarded(lambda: execute(node, *pick(tool, commands, argv)))


def guarded(work: Callable[[], int], line: str = "") -> int:
    """Run a tool's work; a fault is told on standard error and ends it with the fault's status."""
    try:
        return work()
    except UsageError as fault:
        print(f"{fault.message}\n{line}", file=sys.stderr)
        return fault.code
    except PveError as fault:
        print(fault.message, file=sys.stderr)
        return fault.code
