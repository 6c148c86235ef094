"""Running commands, writing files whole or not at all, and talking to whoever may still listen."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PROFILE = Path("/nix/var/nix/profiles/system")
CURRENT = Path("/run/current-system")
BANNER = "lab stand-in of NixOS (Estate): real Nix, its own module set and activation, on Debian"
_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class StandInError(Exception):
    """A fault that is told without a traceback, and the exit status it means."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def say(message: str) -> None:
    """Tell on standard error. That nobody listens any more (the SSH session died) is no fault."""
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr, flush=True)


def banner(command: str) -> None:
    """Say that this is not the real command."""
    say(f"{command}: {BANNER}")


def run(*argv: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it wrote; raises StandInError with its words when it must succeed."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, check=False, env=os.environ | _ENV, start_new_session=True
    )
    if check and done.returncode:
        raise StandInError(f"{' '.join(argv[:3])}: {(done.stderr or done.stdout).strip() or done.returncode}")
    return done


def show(argv: Sequence[str]) -> int:
    """Run a command that talks to the caller itself, and return its status."""
    return subprocess.run(argv, check=False, env=os.environ | _ENV).returncode


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file: after a crash it is the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def write_json(path: Path, value: Any) -> None:
    """Replace a file of state."""
    write(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path, default: Any) -> Any:
    """A file of state, or the default where it is missing or was cut short."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return default


def link(path: Path, target: str) -> None:
    """Make a symbolic link, in place of whatever file or link is there, in one step."""
    if path.is_symlink() and str(path.readlink()) == target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.rename(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock; raises StandInError when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StandInError("Could not acquire lock") from None
        yield


def need_root() -> None:
    """Raise StandInError for anybody but root."""
    if os.geteuid() != 0:
        raise StandInError("you must be root")
