"""The few things that restores and drills ask of Docker; what is secret goes through standard input only."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from estate_backup import proc
from estate_backup.config import Service
from estate_backup.errors import BackupError

SHORT = 60
"""Seconds that an inspection may take."""
CHECK = 20
"""Seconds that one run of a health check may take."""
LONG = 6 * 3600
"""Seconds that a command in a container may take: rows of a large database are counted."""
STOPPING = 600
"""Seconds that a stop may take: longer than any declared grace period."""
PAUSE = 0.5


@dataclass(frozen=True)
class State:
    """A container as Docker sees it. `health` is empty when it declares no check."""

    status: str = "absent"
    health: str = ""
    code: int = 0

    @property
    def running(self) -> bool:
        """It runs, healthy or not."""
        return self.status in ("running", "restarting", "paused")

    @property
    def healthy(self) -> bool:
        """It runs, and its check (if it has one) is green."""
        return self.status == "running" and self.health in ("", "healthy")


def docker(*words: str, stdin: str | None = None, timeout: float | None = SHORT) -> str:
    """Run `docker` and return what it wrote. Raises BackupError with its status and last words."""
    return proc.output(["docker", *words], stdin=stdin, timeout=timeout)


def state(container: str) -> State:
    """Ask for one container's state; one that is not there is "absent", never an error."""
    status, text, said = proc.status_of(["docker", "inspect", "--type", "container", container], timeout=SHORT)
    if status:
        if "no such" in said.lower():
            return State()
        raise BackupError(container, f"docker inspect exited {status}: {said}", "is the Docker daemon running?")
    found = json.loads(text)[0]["State"]
    return State(found["Status"], (found.get("Health") or {}).get("Status", ""), int(found.get("ExitCode", 0)))


def execute(
    container: str, argv: Sequence[str], stdin: str | None = None, timeout: float | None = LONG, secret: bool = False
) -> str:
    """Run a command in a container and return what it wrote.

    + secret: what it says may hold what it was given: of a failure, only the status is told

    Raises BackupError.
    """
    status, text, said = proc.status_of(exec_command(container, argv, stdin is not None), stdin=stdin, timeout=timeout)
    if status:
        told = "" if secret or not said else f": {said}"
        raise BackupError(container, f"{_program(argv)} exited {status}{told}", "")
    return text


def exec_command(container: str, argv: Sequence[str], stdin: bool = False) -> list[str]:
    """The argument list for a command in a container; never with a terminal: that would corrupt a stream."""
    return ["docker", "exec", *(["-i"] if stdin else []), container, *argv]


def probe_words(service: Service) -> list[str]:
    """What to execute for a service's probe: a line of shell, or a command of an image that has none."""
    return ["sh", "-c", service.probe] if isinstance(service.probe, str) else list(service.probe)


def words(test: Sequence[str]) -> list[str]:
    """What to execute for a health check in Compose's forms: CMD-SHELL and a line of shell, or CMD and words."""
    if test[0] == "CMD-SHELL":
        return ["sh", "-c", " ".join(test[1:])]
    return list(test[1:] if test[0] == "CMD" else test)


def wait_for_health(container: str, test: Sequence[str], seconds: float) -> None:
    """Execute a health check until it passes.

    Raises BackupError when the container ends or the seconds are over; it says what the check said last.
    """
    end = time.monotonic() + seconds
    while True:
        now = state(container)
        if not now.running:
            raise BackupError(container, f"did not stay up ({now.status}, exit code {now.code})", "")
        passed, said = _check(container, words(test)) if test else (True, "")
        if passed:
            return
        if time.monotonic() >= end:
            raise BackupError(container, f"was not healthy within {seconds:g} seconds: {said}", "")
        time.sleep(PAUSE)


def _check(container: str, argv: Sequence[str]) -> tuple[bool, str]:
    """Run a health check once; one that hangs has not passed."""
    try:
        status, text, error = proc.status_of(exec_command(container, argv), timeout=CHECK)
    except BackupError as fault:
        return False, fault.fault
    return not status, (error or text.strip())[-200:]


def _program(argv: Sequence[str]) -> str:
    return "a line of shell" if list(argv[:2]) == ["sh", "-c"] else argv[0]
