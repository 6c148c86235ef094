"""One fact for everything that a task manages on a host: one remote command, whatever the number of items."""

import shlex
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
        head = variables({name: " ".join(values) for name, values in words.items()})
        probes = "\n".join(
            f"    ({handler.probe}) >/dev/null 2>&1 || printf 'L\\t%s\\n' {shlex.quote(handler.name)}"
            for handler in desired.handlers
            if handler.probe
        )
        return f"{head}probes() {{\n    :\n{probes}\n}}\n{shell('facts/host_state.sh')}"


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
