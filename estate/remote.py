"""One script on one host over OpenSSH, outside of a pyinfra run: what it reads comes through standard input."""

import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def ssh_argv(ssh: Ssh, wait: int = 10, *, quiet: bool = False) -> list[str]:
    """The ssh command line for a host, up to the remote command; always a connection of its own.

    + wait: seconds for the connection to stand
    + quiet: nothing of ssh itself but its errors, so not the host's banner
    """
    options = [
        *(("-o", "LogLevel=ERROR") if quiet else ()),
        *("-o", "BatchMode=yes", "-o", f"ConnectTimeout={wait}", "-o", "ServerAliveInterval=10"),
        *("-o", "ControlMaster=no", "-o", "ControlPath=none"),
        *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={ssh.known_hosts}", "-p", str(ssh.port)),
    ]
    if ssh.key:
        options += ["-o", "IdentitiesOnly=yes", "-i", ssh.key]
    return ["ssh", *options, f"{ssh.user}@{ssh.hostname}"]


def _as_root(ssh: Ssh, script: str) -> str:
    """The remote command; a provider's fresh machine lets root in and may have no sudo."""
    return f"{'' if ssh.user == 'root' else 'sudo -n '}sh -c {shlex.quote(script)}"


def run_as_root(name: str, ssh: Ssh, script: str, *, stdin: str = "", timeout: int = 120, wait: int = 10) -> Outcome:
    """Run a script on the host as root.

    + stdin: what it reads; the only way by which secrets travel
    + timeout, wait: seconds for all of it, and for the connection
    Raises EstateFaults when the host cannot be reached or does not answer in time.
    """
    argv = [*ssh_argv(ssh, wait), _as_root(ssh, script)]
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


def stream_as_root(name: str, ssh: Ssh, script: str, say: Callable[[str], None]) -> Outcome:
    """Run a script on the host as root, however long it takes; its standard error is told line by line, masked.

    Raises EstateFaults when the host cannot be reached, or is lost on the way.
    """
    argv = [*ssh_argv(ssh, quiet=True), _as_root(ssh, script)]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        lines: deque[str] = deque(maxlen=200)

        def listen() -> None:
            assert process.stderr is not None  # noqa: S101
            for line in process.stderr:
                lines.append(redact(line.rstrip("\n")))
                say(lines[-1])

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        assert process.stdout is not None  # noqa: S101
        stdout = process.stdout.read()
        code = process.wait()
        listener.join(timeout=5)
    if code == UNREACHABLE:
        fault = f"unreachable, or lost on the way: {lines[-1] if lines else 'no connection'}"
        remedy = f"what was begun goes on there: try `ssh {ssh.user}@{ssh.hostname}`, then look again"
        raise EstateFaults([Fault(name, fault, remedy)])
    return Outcome(code, redact(stdout), "\n".join(lines))


def send_file(name: str, ssh: Ssh, source: Path, target: str, digest: str, timeout: int = 900) -> None:
    """Stream a file to the host, to be there whole, with the declared sha256, or not at all.

    + timeout: seconds for all of it
    Raises EstateFaults.
    """
    part, folder = shlex.quote(f"{target}.part"), shlex.quote(target.rpartition("/")[0])
    text = (
        f"set -e; mkdir -p {folder}; cat >{part}; "
        f"printf '%s  %s\\n' {digest} {part} | sha256sum -c --quiet - || {{ rm -f {part}; exit 1; }}; "
        f"chmod 444 {part}; sync {part}; mv -f {part} {shlex.quote(target)}"
    )
    with source.open("rb") as handle:
        try:
            result = subprocess.run(
                [*ssh_argv(ssh), _as_root(ssh, text)],
                stdin=handle,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EstateFaults(
                [Fault(name, f"{source.name} was not there within {timeout} s", "see the link")]
            ) from None
    if result.returncode != 0:
        said = redact(result.stderr.decode(errors="replace").strip())[-300:]
        raise EstateFaults([Fault(name, f"{source.name} could not be sent: {said}", "see its disk")])
