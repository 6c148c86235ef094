"""The one place from which the lab starts other programs."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.errors import CommandError, LabError


@dataclass(frozen=True)
class Result:
    """What a command left: its status and what it printed."""

    status: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """True when the command ended with status zero."""
        return self.status == 0


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    check: bool = True,
    timeout: float = 900,
    env: Mapping[str, str] | None = None,
    remedy: str = "",
) -> Result:
    """Run a command to its end; raise CommandError when it fails and `check` is set."""
    try:
        done = subprocess.run(
            list(argv),
            input=stdin or b"",
            capture_output=True,
            timeout=timeout,
            env={**os.environ, **env} if env else None,
            check=False,
        )
    except FileNotFoundError as fault:
        raise LabError(f"{argv[0]} is not installed", "run `estate lab up`, which installs it") from fault
    except subprocess.TimeoutExpired as fault:
        raise LabError(f"`{' '.join(argv[:6])}` did not end within {timeout:.0f} s", remedy) from fault
    result = Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    if check and not result.ok:
        raise CommandError(argv, result.status, result.stdout, result.stderr, remedy)
    return result


def as_root(argv: Sequence[str]) -> list[str]:
    """The same command with root's rights: as it is for root, through `sudo -n` otherwise."""
    return list(argv) if os.geteuid() == 0 else ["sudo", "-n", *argv]


def have(program: str) -> bool:
    """True when a program is on PATH or in the system's sbin folders."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(program, path=search) is not None
