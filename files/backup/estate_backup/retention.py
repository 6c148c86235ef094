"""Which sets may go. Pure: sets and drills in, names out; sequences order sets, never the clock."""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estate_backup.config import ID_TIME, SAFETY, Retention

PROOF_DAYS = 8
"""A drill of a set at most so much older speaks for the newest one: drills are weekly."""


@dataclass(frozen=True)
class Entry:
    """A set in one store.

    + complete: signed and verified; + good: moreover neither suspect nor with a failed service
    + partial: an upload that did not end (one whose signature does not match is not partial: it is never touched)
    """

    kind: str
    id: str
    sequence: int | None
    complete: bool
    good: bool
    partial: bool = False


@dataclass(frozen=True)
class Decision:
    """The sets to remove, oldest first; `why` says why there are none, or why not all."""

    delete: tuple[Entry, ...] = ()
    why: str = ""


def decide(entries: Sequence[Entry], policy: Retention, drills: Mapping[str, Any], keep_newest: int = 0) -> Decision:
    """Choose what one store loses in one run. Nothing, unless its newest set is good and proven."""
    complete = sorted((item for item in entries if item.complete), key=lambda item: item.sequence or 0)
    if why := _refusal(entries, complete, drills):
        return Decision((), why)
    newest = _newest(complete)
    keep = {newest.id, *_newest_proven(complete, drills)}
    for kind in {item.kind for item in complete}:
        keep |= _kept(kind, [item for item in complete if item.kind == kind], policy, keep_newest)
    doomed = [item for item in entries if item.partial and item.id < newest.id]
    doomed += [item for item in complete if item.id not in keep]
    most = policy.max_deletions
    why = f"{len(doomed)} sets may go, {most} at most in a run" if len(doomed) > most else ""
    return Decision(tuple(doomed[:most]), why)


def _refusal(entries: Sequence[Entry], complete: Sequence[Entry], drills: Mapping[str, Any]) -> str:
    if all(item.kind == SAFETY for item in complete):
        return "there is no complete set"
    newest = _newest(complete)
    later = [item for item in entries if not item.complete and item.id > newest.id and item.kind != SAFETY]
    if later:
        last = max(later, key=lambda item: item.id)
        # of a clock that was ahead it would stay the newest for as long as that
        remedy = f"; `estate-backup prune --incomplete {last.id}` removes it" if last.partial else ""
        return f"the newest set {last.kind}/{last.id} is not complete{remedy}"
    if not newest.good:
        return f"the newest set {newest.kind}/{newest.id} is suspect or lacks a service"
    if not proven(newest.id, drills):
        return f"no drill has proven {newest.id}, nor a set at most {PROOF_DAYS} days older"
    return ""


def _newest(complete: Sequence[Entry]) -> Entry:
    """The newest of those that are made to be kept: what a restore put away says nothing about the others."""
    return [item for item in complete if item.kind != SAFETY][-1]


def proven(identity: str, drills: Mapping[str, Any]) -> bool:
    """Whether a drill of the set, or of one at most PROOF_DAYS older, was good."""
    moment = epoch(identity)
    good = (epoch(name) for name, drill in drills.items() if drill.get("ok"))
    return any(0 <= moment - other <= PROOF_DAYS * 86400 for other in good)


def epoch(identity: str) -> int:
    """The start that a set's id tells, in seconds."""
    return calendar.timegm(time.strptime(identity, ID_TIME))


def _newest_proven(complete: Sequence[Entry], drills: Mapping[str, Any]) -> list[str]:
    good = [item.id for item in complete if drills.get(item.id, {}).get("ok")]
    return good[-1:]


def _kept(kind: str, entries: Sequence[Entry], policy: Retention, keep_newest: int) -> set[str]:
    """The ids of a kind that stay: the newest good ones, and whatever is newer than the oldest of them."""
    count = keep_newest or {"daily": policy.daily, "weekly": policy.weekly}.get(kind, 0)
    if not count:
        return {item.id for item in entries}
    good = [item for item in entries if item.good]
    if len(good) < count:
        return {item.id for item in entries}
    oldest = good[-count].sequence or 0
    keep = {item.id for item in entries if (item.sequence or 0) >= oldest}
    if kind == "weekly" and not keep_newest:
        keep |= _monthly(good, policy.monthly)
    return keep


def _monthly(good: Sequence[Entry], months: int) -> set[str]:
    """The first good one of each of the newest months."""
    first: dict[str, str] = {}
    for item in good:
        first.setdefault(item.id[:7], item.id)
    return (
        {first[month] for month in sorted(first)[len(first) - months :]} if months < len(first) else set(first.values())
    )
