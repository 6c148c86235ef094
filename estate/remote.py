"""One script on one host over OpenSSH, outside of a pyinfra run: what it reads comes through standard input."""

import shlex
import subprocess
from dataclasses import dataclass

from estate.inventory import Ssh
from estate.models.faults import EstateFaults, Fault
from estate.secrets.redact import redact

UNREACHABLE = 255
"""ssh's own exit code."""


@dataclass(frozen=True)
class Outcome:
    """How a script ended, and what it printed, masked."""

    code: int
    stdout: str
    stderr: str


def ssh_argv(ssh: Ssh, wait: int = 10) -> list[str]:
    """The ssh command line for a host, up to the remote command; always a connection of its own.

    + wait: seconds for the connection to stand
    """
    options = [
        *("-o", "BatchMode=yes", "-o", f"ConnectTimeout={wait}", "-o", "ServerAliveInterval=10"),
        *("-o", "ControlMaster=no", "-o", "ControlPath=none"),
        *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={ssh.known_hosts}", "-p", str(ssh.port)),
    ]
    if ssh.key:
        options += ["-o", "IdentitiesOnly=yes", "-i", ssh.key]
    return ["ssh", *options, f"{ssh.user}@{ssh.hostname}"]


def run_as_root(name: str, ssh: Ssh, script: str, *, stdin: str = "", timeout: int = 120, wait: int = 10) -> Outcome:
    """Run a script on the host as root.

    + stdin: what it reads; the only way by which secrets travel
    + timeout, wait: seconds for all of it, and for the connection
    Raises EstateFaults when the host cannot be reached or does not answer in time.
    """
    argv = [*ssh_argv(ssh, wait), f"sudo -n sh -c {shlex.quote(script)}"]
    try:
        result = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise EstateFaults([Fault(name, f"no answer within {timeout} s", "see whether it is overloaded")]) from None
    if result.returncode == UNREACHABLE:
        words = redact(result.stderr.strip().splitlines()[-1] if result.stderr.strip() else "no connection")
        raise EstateFaults([Fault(name, f"unreachable: {words}", f"try `ssh {ssh.user}@{ssh.hostname}`")])
    return Outcome(result.returncode, redact(result.stdout), redact(result.stderr))
