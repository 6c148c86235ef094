"""One fact for everything that a task manages on a host: one remote command, whatever the number of items."""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from pyinfra.api.host import Host

from estate.facts.parse import parse
from estate.models.desired import Desired
from estate.plan.state import HostState
from estate.render.shell import shell, variables

TIMEOUT = 60
"""Seconds that reading a host's state may take."""


@dataclass(frozen=True)
class StateQuery:
    """What to ask a host about: a task's wanted state, and the compose project if it has one."""

    desired: Desired
    project: str = ""

    def __str__(self) -> str:
        return self.desired.task

    def script(self) -> str:
        """The shell script that answers."""
        return self.head() + shell("facts/host_state.sh")

    def head(self) -> str:
        """The beginning of that script: what is asked for."""
        desired = self.desired
        paths = [node.path for node in desired.tree]
        if desired.tree.nodes:
            paths.append(desired.manifest.path)
        words = {
            "TASK": [desired.task],
            "PACKAGES": desired.packages,
            "ACCOUNTS": [account.name for account in desired.accounts],
            "PATHS": paths,
            "UNITS": [unit.name for unit in desired.units],
            "KEYS": [key for key, _ in desired.sysctl],
            "STAMPS": [handler.name for handler in desired.handlers],
            "PROJECT": [self.project],
        }
        asked = variables({name: " ".join(values) for name, values in words.items()})
        probes = "\n".join(
            f"    ({handler.probe}) >/dev/null 2>&1 || printf 'L\\t%s\\n' {shlex.quote(handler.name)}"
            for handler in desired.handlers
            if handler.probe
        )
        return f"{asked}probes() {{\n    :\n{probes}\n}}\n"


class TaskState(FactBase[HostState]):
    """The state of everything in a StateQuery."""

    def command(self, query: StateQuery) -> str:
        """The script that prints it."""
        return query.script()

    def process(self, output: list[str]) -> HostState:
        """Parse what it printed."""
        try:
            return parse(output)
        except (ValueError, KeyError, IndexError) as error:
            raise FactProcessError(str(error)) from error

    @staticmethod
    def default() -> HostState:
        """What is known of a host that printed nothing."""
        return HostState()


_BEGIN, _END = "state-begin", "state-end"
_known: dict[str, dict[str, HostState]] = {}
"""By host and task. By the host's name: operations see pyinfra's proxy of it, hooks the host itself."""


def recalled(host: Host) -> dict[str, HostState]:
    """Every task's state that was read of this host."""
    return _known.get(host.name, {})


def recall(host: Host, query: StateQuery) -> HostState:
    """The task's state on this host, read once a run.

    pyinfra prepares and executes; what was decided while preparing (and shown) is what is executed,
    so that the plan is what the run does. Raises nothing: a failed read fails the host.
    """
    states = _known.setdefault(host.name, {})
    key = query.desired.task
    if key not in states:
        states[key] = host.get_fact(TaskState, query=query, _timeout=TIMEOUT)
    return states[key]


def all_scripts(queries: Sequence[StateQuery]) -> str:
    """One script for several tasks' states, each between two lines with its name."""
    if not queries:
        return ""
    parts = [f"read_state() (\n{shell('facts/host_state.sh')})\n"]
    for query in queries:
        name = query.desired.task
        parts.append(f"{query.head()}echo {_BEGIN} {name}\nread_state && echo {_END} {name}\n")
    return "".join(parts)


def split(lines: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """What such a script printed, by task, and what was printed outside of it; a state that broke off is left out."""
    outside: list[str] = []
    states: dict[str, list[str]] = {}
    task, inside = "", outside
    for line in lines:
        kind, _, name = line.partition(" ")
        if kind == _BEGIN:
            task, inside = name, []
        elif kind == _END and name == task:
            states[task] = inside
            inside = outside
        else:
            inside.append(line)
    return outside, states


def remember(host: Host, states: dict[str, list[str]]) -> None:
    """Take these for what `recall` would read. One that cannot be parsed is left to it, which fails the host."""
    for task, lines in states.items():
        with suppress(ValueError, KeyError, IndexError):
            _known.setdefault(host.name, {})[task] = parse(lines)
