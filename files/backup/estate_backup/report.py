"""What a run did: one object, from which its exit status, log line, history, metrics and alert come."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class StoreReport:
    """What became of a set in one store."""

    ok: bool = False
    why: str = ""
    bytes: int = 0
    seconds: float = 0
    pruned: list[str] = field(default_factory=list)
    kept_all: str = ""
    """why nothing was pruned"""


@dataclass
class Report:
    """A run. `failed`: service → why; `why`: what ended the run as a whole."""

    kind: str
    started: float
    id: str = ""
    sequence: int = 0
    seconds: float = 0
    bytes: int = 0
    object_bytes: int = 0
    services: dict[str, int] = field(default_factory=dict)
    """service → bytes of its plaintext"""
    failed: dict[str, str] = field(default_factory=dict)
    suspect: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stores: dict[str, StoreReport] = field(default_factory=dict)
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for is there."""
        stores = all(item.ok for item in self.stores.values())
        return bool(self.id and self.stores) and stores and not (self.failed or self.suspect or self.why)

    def faults(self) -> list[str]:
        """All that is wrong, a line each."""
        return [
            *([self.why] if self.why else []),
            *self.failed.values(),
            *self.suspect,
            *(item.why for item in self.stores.values() if item.why),
        ]

    def document(self) -> dict[str, Any]:
        """The run as JSON."""
        return {**asdict(self), "ok": self.ok, "started": iso(self.started)}


def iso(moment: float) -> str:
    """A time of the clock as ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
