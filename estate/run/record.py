"""What a run did, as data: the source of the hosts' journals, the local report and `estate history`. No secrets."""

from datetime import datetime
from typing import Any

from pydantic import Field

from estate.models.base import Frozen


class OperationRecord(Frozen):
    """An operation on one host: times in seconds since the run began."""

    task: str
    name: str
    began: float
    ended: float
    outcome: str
    """"changed", "unchanged", "failed", "returned" or "interrupted"."""
    changes: tuple[dict[str, Any], ...] = ()
    """As `Change.as_dict` gives them; diffs are masked."""
    output: str = ""
    """Of a failed operation: its last lines, masked."""


class HostRecord(Frozen):
    """What a run did on one host."""

    name: str
    outcome: str
    """An ExitCode's name in lower case."""
    operations: tuple[OperationRecord, ...] = ()
    error: str = ""

    @property
    def changes(self) -> int:
        """How many things were changed."""
        return sum(len(operation.changes) for operation in self.operations if operation.outcome == "changed")


class RunRecord(Frozen):
    """A run: who, when, from what, on which hosts, how it ended."""

    run: str
    """Its id: the time it began in UTC, and four random letters."""
    estate: str
    who: str
    """user@machine."""
    purpose: str
    """The command, without values."""
    commit: str
    """The repository's commit, with `+` behind it when the tree had changes."""
    plan: str
    """A digest of everything that was wanted of every host."""
    began: datetime
    seconds: float = 0
    outcome: str = ""
    """An ExitCode's name in lower case."""
    faults: tuple[str, ...] = ()
    hosts: tuple[HostRecord, ...] = ()
    limit: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    notices: tuple[str, ...] = Field(default=())
    """What a reader should know: an interrupted run before this one, secrets from the sealed copy."""
