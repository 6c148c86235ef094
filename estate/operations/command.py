"""Remote commands whose output is masked before anyone sees it, and which end in time."""

from collections.abc import Callable
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.api.util import print_host_combined_output
from pyinfra.connectors.util import CommandOutput, OutputLine

from estate.models.faults import EstateFaults
from estate.run.current import current
from estate.run.lock import fence
from estate.secrets.redact import redact

_GRACE = 20
"""Seconds between the host's own time limit and ours: its kill, and the way back."""


class MaskedCommand(StringCommand):
    """A command that prints nothing while it runs; what it printed is masked afterwards."""

    def execute(self, state: State, host: Host, connector_arguments: Any) -> tuple[bool, CommandOutput]:
        """Run it on the host, unless the run has to stop; the output that pyinfra shows on failure is masked."""
        run = current()
        if run is not None and run.stop:
            return False, CommandOutput([OutputLine("stderr", run.stop)])
        connector_arguments.update(self.connector_arguments)
        status, output = host.run_shell_command(
            self, print_output=False, print_input=state.print_input, **connector_arguments
        )
        masked = CommandOutput([OutputLine(line.buffer_name, redact(line.line)) for line in output])
        if run is not None:
            run.host(host.name).hear(line.line for line in masked)
        if state.print_output:
            print_host_combined_output(host, masked)
        return status, masked


class DeferredCommand(MaskedCommand):
    """A command whose standard input is made when it is its turn, from what earlier commands found out."""

    def __init__(self, *bits: Any, stdin: Callable[[], str], **arguments: Any) -> None:
        super().__init__(*bits, **arguments)
        self._make_stdin = stdin

    def execute(self, state: State, host: Host, connector_arguments: Any) -> tuple[bool, CommandOutput]:
        """Make the input and run it on the host."""
        self.connector_arguments["_stdin"] = self._make_stdin()
        return super().execute(state, host, connector_arguments)


class ControllerCommand(MaskedCommand):
    """Work that the controller does in the course of a host's operations."""

    def __init__(self, title: str, work: Callable[[], None]) -> None:
        super().__init__(f"({title})")
        self._work = work

    def execute(self, state: State, host: Host, connector_arguments: Any) -> tuple[bool, CommandOutput]:
        """Do it; faults are shown as the output of a command would be."""
        try:
            self._work()
        except EstateFaults as faults:
            output = CommandOutput([OutputLine("stderr", redact(str(fault))) for fault in faults.faults])
            if (run := current()) is not None:
                run.host(host.name).hear(line.line for line in output)
            if state.print_output:
                print_host_combined_output(host, output)
            return False, output
        return True, CommandOutput([])


def controller(title: str, work: Callable[[], None]) -> ControllerCommand:
    """A function of the controller's as a command; it says what is wrong by raising EstateFaults."""
    return ControllerCommand(title, work)


def script(text: str, *, timeout: int, stdin: str | Callable[[], str] = "") -> MaskedCommand:
    """A shell script as one remote command, which changes nothing unless the run has the host's lock.

    + timeout: seconds after which the host ends the command; we wait a little longer for it to say so
    + stdin: what it reads, or what makes that in time; the only way by which secrets travel
    """
    run = current()
    words = ["timeout", "-k", "10", str(timeout), "sh", "-c"]
    quoted = QuoteString((fence(run.id) if run is not None else "") + text)
    if callable(stdin):
        return DeferredCommand(*words, quoted, stdin=stdin, _timeout=timeout + _GRACE)
    arguments: dict[str, Any] = {"_timeout": timeout + _GRACE}
    if stdin:
        arguments["_stdin"] = stdin
    return MaskedCommand(*words, quoted, **arguments)
