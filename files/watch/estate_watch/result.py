"""What a job found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Result:
    """Faults are sentences for a person; values become metrics; a message is sent as it is, faults or not.

    + memory: what the job keeps for its next run
    """

    faults: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    message: str = ""
    memory: dict[str, Any] = field(default_factory=dict)

    def value(self, metric: str, value: float, /, **labels: str) -> None:
        """A sample of estate_watch_NAME."""
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in sorted(labels.items()))
        self.values[f"estate_watch_{metric}{{{inner}}}" if inner else f"estate_watch_{metric}"] = float(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


Job = Callable[[dict[str, Any], dict[str, Any], float], Result]
"""A job: its settings, what it remembers, and the time (seconds since 1970)."""
