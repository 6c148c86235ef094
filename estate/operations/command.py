"""Remote commands whose output is masked before anyone sees it, and which end in time."""

from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.api.util import print_host_combined_output
from pyinfra.connectors.util import CommandOutput, OutputLine

from estate.secrets.redact import redact


class MaskedCommand(StringCommand):
    """A command that prints nothing while it runs; what it printed is masked afterwards."""

    def execute(self, state: State, host: Host, connector_arguments: Any) -> tuple[bool, CommandOutput]:
        """Run it on the host; the output that pyinfra shows on failure is masked."""
        connector_arguments.update(self.connector_arguments)
        status, output = host.run_shell_command(
            self, print_output=False, print_input=state.print_input, **connector_arguments
        )
        masked = CommandOutput([OutputLine(line.buffer_name, redact(line.line)) for line in output])
        if state.print_output:
            print_host_combined_output(host, masked)
        return status, masked


def script(text: str, *, timeout: int, stdin: str = "") -> MaskedCommand:
    """A shell script as one remote command.

    + timeout: seconds after which the command counts as failed
    + stdin: what it reads; the only way by which secrets travel
    """
    arguments: dict[str, Any] = {"_timeout": timeout}
    if stdin:
        arguments["_stdin"] = stdin
    return MaskedCommand("sh", "-c", QuoteString(text), **arguments)
