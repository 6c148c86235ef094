"""The run of this process: who it is, what has happened so far, whether it has to stop."""

import getpass
import secrets
import socket
import string
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gevent.lock import RLock

from estate.exit_codes import ExitCode
from estate.models.faults import Fault
from estate.render.templates import ROOT
from estate.run.lock import Holder
from estate.run.options import Options
from estate.run.outcome import host_outcome, run_outcome, word
from estate.run.record import HostRecord, OperationRecord, RunRecord

RETURNED, NOT_RETURNED = "estate:returned", "estate:not-returned"
"""How a command that failed says, in a line of its output, whether it took its change back."""
LOCK_LOST = "the lock was lost"
_KEPT_LINES = 60
_commit_lock = RLock()


def new_id(now: datetime) -> str:
    """An id that sorts by time."""
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))
    return f"{now:%Y%m%dT%H%M%SZ}-{letters}"


def commit() -> str:
    """The repository's commit, `+` behind it when the tree has changes; "unknown" outside of git.

    Hosts ask for it all at once: the first one starts git, the others wait for it.
    """
    with _commit_lock:
        return _commit()


@cache
def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return result.stdout.strip() or "unknown"


@dataclass
class HostRun:
    """What has happened on one host."""

    name: str
    operations: list[OperationRecord] = field(default_factory=list)
    began: float = 0
    changes: list[dict[str, Any]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    failed: bool = False
    returned: bool = False
    lost: bool = False
    unlocked: bool = False
    error: str = ""

    @property
    def quiet(self) -> bool:
        """Whether nothing was changed here, and nothing failed."""
        return not self.failed and all(operation.outcome == "unchanged" for operation in self.operations)

    def outcome(self) -> ExitCode:
        """How it ended for this host."""
        return host_outcome(failed=self.failed, lost=self.lost, unlocked=self.unlocked, returned=self.returned)

    def hear(self, lines: Iterable[str]) -> None:
        """Take note of what a command printed (masked); the last word about a return counts."""
        self.output = [*self.output, *lines][-_KEPT_LINES:]
        for line in self.output:
            if line.startswith((RETURNED, NOT_RETURNED)):
                self.returned = line.startswith(RETURNED)
            if LOCK_LOST in line:
                self.unlocked = True


@dataclass
class Run:
    """One run of deploy.py."""

    options: Options
    estate: str
    purpose: str
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    who: str = field(default_factory=lambda: f"{getpass.getuser()}@{socket.gethostname()}")
    id: str = ""
    hosts: dict[str, HostRun] = field(default_factory=dict)
    plan: str = ""
    planned: list[dict[str, Any]] = field(default_factory=list)
    """What a dry run, or the preparation of a run, found to change."""
    present: Callable[[], Any] | None = None
    """Makes the present plan (estate/run/saved_plan.py), once everything is prepared."""
    faults: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    connect_errors: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    unreachable: Callable[[], list[Fault]] | None = None
    """Makes faults of what hosts could not be connected to."""
    refusal: ExitCode | None = None
    connected: bool = False
    """Whether it is known which hosts could be connected to."""
    interrupted: bool = False
    executing: bool = False
    finished: bool = False
    stop: str = ""
    """Why no further command is started; empty while there is no reason."""

    def __post_init__(self) -> None:
        self.id = self.id or new_id(self.began)

    @property
    def me(self) -> Holder:
        """This run as the holder of locks."""
        return Holder(self.id, self.who, f"{self.began:%Y-%m-%dT%H:%M:%SZ}", self.purpose)

    def host(self, name: str) -> HostRun:
        """What happened on a host."""
        return self.hosts.setdefault(name, HostRun(name))

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() - self.started, 3)

    def outcome(self) -> ExitCode:
        """How the run ends, as far as it has come."""
        if self.refusal is not None:
            return self.refusal
        if not self.executing:
            return ExitCode.INTERRUPTED if self.interrupted else ExitCode.DONE
        codes = [host.outcome() for host in self.hosts.values()]
        return run_outcome(codes, interrupted=self.interrupted, finished=self.finished)

    def record(self, only: str = "") -> RunRecord:
        """The run as data.

        + only: with this host alone, as its journal has it
        """
        shown = [host for name, host in sorted(self.hosts.items()) if only in ("", name)]
        return RunRecord(
            run=self.id,
            estate=self.estate,
            who=self.who,
            purpose=self.purpose,
            commit=commit(),
            plan=self.plan,
            began=self.began,
            seconds=self.elapsed(),
            outcome=word(self.outcome()),
            faults=tuple(self.faults),
            hosts=tuple(
                HostRecord(name=h.name, outcome=word(h.outcome()), operations=tuple(h.operations), error=h.error)
                for h in shown
            ),
            limit=self.options.limit,
            quarantined=self.options.exclude,
            notices=tuple(self.notices),
        )


_current: list[Run] = []


def begin(run: Run) -> Run:
    """Make this the process's run."""
    _current[:] = [run]
    return run


def current() -> Run | None:
    """The process's run; None outside of pyinfra's command."""
    return _current[0] if _current else None
