"""A change: one thing that a run would do, or did."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

PveAction = Literal["resize", "restart", "stop", "migrate", "bootstrap", "download"]
Action = Literal["create", "update", "delete", "install", "enable", "disable", "apply", "recreate", "start"] | PveAction
Kind = Literal["file", "directory", "package", "user", "unit", "sysctl", "handler", "container", "api"]


@dataclass(frozen=True)
class Change:
    """What is changed (kind and name), how, and because of what; `diff` is masked already."""

    kind: Kind
    name: str
    action: Action
    why: tuple[str, ...] = ()
    diff: str = ""

    def __str__(self) -> str:
        reason = f" ({', '.join(self.why)})" if self.why else ""
        return f"{self.action} {self.kind} {self.name}{reason}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
