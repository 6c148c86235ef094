"""Reading from a host without anything of it being printed, whatever the verbosity."""

from paramiko import SSHException
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host


class ReadError(Exception):
    """A read that failed: the host's own words."""


def read(host: Host, script: str, *, timeout: int = 60, stdin: str = "") -> list[str]:
    """The lines that a script printed, run as root: one remote command.

    + timeout: seconds
    + stdin: what it reads
    Raises ReadError when it fails.
    """
    try:
        status, output = host.run_shell_command(
            StringCommand("sh", "-c", QuoteString(script)),
            print_output=False,
            print_input=False,
            _sudo=True,
            _timeout=timeout,
            **({"_stdin": stdin} if stdin else {}),
        )
    except (OSError, EOFError, SSHException) as error:
        raise ReadError(str(error) or f"no answer within {timeout} s") from None
    if not status:
        raise ReadError(" ".join(output.stderr_lines[-3:]) or "no output")
    return output.stdout_lines
