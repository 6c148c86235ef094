"""Whether a set has become suspiciously small, against the last good one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estate_backup.manifest import Part

SMALL = {"rows": 10, "tables": 4, "files": 10, "size": 65536}
"""below that, half of it is no sign of a loss; nothing at all always is"""
WORDS = {"rows": "rows", "tables": "tables", "files": "files", "size": "bytes"}
Measures = dict[str, dict[str, dict[str, int]]]
"""service → part → what → how much"""


def measure(services: Mapping[str, Mapping[str, Part]]) -> Measures:
    """How much of everything the parts hold."""
    return {
        service: {name: found for name, part in parts.items() if (found := _measure(part))}
        for service, parts in services.items()
    }


def _measure(part: Part) -> dict[str, int]:
    evidence = part.evidence
    if "keys" in evidence:
        return {}  # a cache may shrink as it likes
    found = {"size": part.size}
    if "tables" in evidence:
        found.update(tables=len(evidence["tables"]), rows=sum(evidence["tables"].values()))
    if "objects" in evidence:
        found["files"] = len(evidence["objects"])
    if isinstance(evidence.get("files"), int):
        found.update(files=evidence["files"], size=evidence["bytes"])
    return found


def shrunk(now: Measures, before: Mapping[str, Any]) -> list[str]:
    """What has shrunk to under half, or is gone; of services that both know."""
    faults = []
    for service, parts in now.items():
        for name, floors in before.get(service, {}).items():
            at = f"{service}/{name}"
            if name not in parts:
                faults.append(f"{at}: shrunk: it is not there, but was in the last good set")
                continue
            faults += [f"{at}: shrunk: {text}" for text in _less(parts[name], floors)]
    return faults


def _less(now: Mapping[str, int], floors: Mapping[str, int]) -> list[str]:
    texts = []
    for what in (name for name in WORDS if name in floors):
        floor = floors[what]
        found = now.get(what, 0)
        gone = found == 0 and floor > 0
        halved = found * 2 < floor and floor >= SMALL[what]
        if gone or halved:
            texts.append(f"{found} {WORDS[what]}, {floor} in the last good set")
    return texts[:1]
