"""What an artifact was built as: its version, and the fault that was built into it."""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass

FAULTS = {
    "": "none",
    "unhealthy": "/health answers 503",
    "crash": "it exits 3 s after it started",
    "errors": "every other request but /health is answered 500",
    "mute": "it does not push",
    "slow": "every answer takes 3 s",
    "migrate": "it brings the database to schema 2, which other builds cannot read",
}
FILE = "stamp.json"


@dataclass(frozen=True)
class Stamp:
    """Version and fault of an artifact."""

    version: str = "0.0.0-unbuilt"
    fault: str = ""

    @property
    def schema(self) -> int:
        """The version of the database's schema that this build works with."""
        return 2 if self.fault == "migrate" else 1


def read() -> Stamp:
    """Read the stamp of this artifact; a source tree has none."""
    try:
        text = pkgutil.get_data(__package__, FILE)
    except OSError:
        text = None
    return Stamp(**json.loads(text)) if text else Stamp()
