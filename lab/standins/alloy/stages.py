"""The stages of loki.process which the stand-in knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SECOND = 1_000_000_000
# Each stage's required and optional attributes.
REQUIRED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "json": (("expressions",), ("source", "drop_malformed")),
    "timestamp": (("source", "format"), ("location", "action_on_failure")),
    "labels": (("values",), ()),
    "static_labels": (("values",), ()),
    "label_drop": (("values",), ()),
    "output": (("source",), ()),
    "docker": ((), ()),
}


@dataclass
class Entry:
    """A line on its way: its time, its labels, and what stages took from it."""

    at: int
    labels: dict[str, str]
    line: str
    extracted: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One stage and its attributes."""

    kind: str
    attributes: dict[str, Any]

    def apply(self, entry: Entry) -> None:
        """Change the entry."""
        HANDLERS[self.kind](entry, self.attributes)


def nanoseconds(text: str) -> int | None:
    """Read an RFC 3339 time with up to nine digits after the second."""
    whole, _, rest = text.partition(".")
    digits = ""
    if rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        whole += rest[len(digits) :]
    try:
        moment = datetime.fromisoformat(whole.replace("Z", "+00:00"))
    except ValueError:
        return None
    return int(moment.timestamp()) * SECOND + int((digits + "0" * 9)[:9])


def _look_up(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _json(entry: Entry, attributes: dict[str, Any]) -> None:
    source = entry.extracted.get(attributes["source"], "") if attributes.get("source") else entry.line
    try:
        document = json.loads(source)
    except ValueError:
        return
    for name, path in attributes["expressions"].items():
        value = _look_up(document, path or name)
        if value is not None:
            entry.extracted[name] = value


def _timestamp(entry: Entry, attributes: dict[str, Any]) -> None:
    found = nanoseconds(str(entry.extracted.get(attributes["source"], "")))
    entry.at = entry.at if found is None else found


def _labels(entry: Entry, attributes: dict[str, Any]) -> None:
    for name, source in attributes["values"].items():
        value = entry.extracted.get(source or name)
        if value is not None:
            entry.labels[name] = str(value)


def _static_labels(entry: Entry, attributes: dict[str, Any]) -> None:
    entry.labels |= {name: str(value) for name, value in attributes["values"].items()}


def _label_drop(entry: Entry, attributes: dict[str, Any]) -> None:
    for name in attributes["values"]:
        entry.labels.pop(name, None)


def _output(entry: Entry, attributes: dict[str, Any]) -> None:
    value = entry.extracted.get(attributes["source"])
    if value is not None:
        entry.line = str(value).rstrip("\n")


def _docker(entry: Entry, attributes: dict[str, Any]) -> None:
    _json(entry, {"expressions": {"output": "log", "stream": "stream", "timestamp": "time"}})
    _labels(entry, {"values": {"stream": "stream"}})
    _timestamp(entry, {"source": "timestamp"})
    _output(entry, {"source": "output"})


HANDLERS: dict[str, Callable[[Entry, dict[str, Any]], None]] = {
    "json": _json,
    "timestamp": _timestamp,
    "labels": _labels,
    "static_labels": _static_labels,
    "label_drop": _label_drop,
    "output": _output,
    "docker": _docker,
}
