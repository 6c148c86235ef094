"""Removes what retention no longer wants, from one store; and objects that no set there names."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from estate_backup import retention, state
from estate_backup.config import Config
from estate_backup.errors import BackupError
from estate_backup.manifest import Manifest
from estate_backup.retention import Entry
from estate_backup.store import SetRef, Store

LOG = logging.getLogger("estate-backup")
FILES = 1000
"""files that a set may have and still be removed"""
OBJECTS = 100
"""objects that go with each set that may"""


@dataclass(frozen=True)
class Pruned:
    """What went, or would go; `why` says why nothing did, or not all."""

    sets: tuple[str, ...] = ()
    objects: int = 0
    why: str = ""


def prune(config: Config, store: Store, dry_run: bool = False) -> Pruned:
    """Prune one store, under the lock. Raises BackupError when it cannot be read or a deletion fails."""
    if not store.settings.readable:
        return Pruned(why="its key may only write: the bucket's lifecycle rules prune it")
    refs = store.sets()
    manifests = {ref.id: store.manifest(ref) for ref in refs if ref.complete}
    accepted = state.last(config).get("accepted", [])
    entries = {ref.id: entry(ref, manifests.get(ref.id), accepted) for ref in refs}
    decision = retention.decide(
        list(entries.values()), config.retention, state.proven(config), store.settings.keep_newest
    )
    doomed = {item.id for item in decision.delete}
    if not dry_run:
        for ref in (ref for ref in refs if ref.id in doomed):
            LOG.info("stores/%s: removing %s", store.name, ref)
            store.delete(ref, FILES)
    # unless retention went through, nobody knows what is still wanted
    stopped = decision.why and not decision.delete
    unread = [ref for ref in refs if not ref.complete and not entries[ref.id].partial]
    objects = 0
    if not stopped and not unread:
        kept = [made for identity, made in manifests.items() if identity not in doomed]
        objects = _objects(config, store, kept, dry_run)
    names = tuple(str(ref) for ref in refs if ref.id in doomed)
    return Pruned(names, objects, decision.why or ("objects stay: a set cannot be read" if unread else ""))


def remove_incomplete(config: Config, store: Store, identity: str) -> Pruned:
    """Remove an upload that did not end, by its id, under the lock; it may be named after a time that is to come.

    Raises BackupError for a set that is complete, or that somebody has altered: those are evidence.
    """
    if not store.settings.readable:
        return Pruned(why="its key may only write")
    found = [ref for ref in store.sets() if identity in (ref.id, str(ref))]
    for ref in found:
        if not partial(ref):
            why = "is complete" if ref.complete else ref.fault
            raise BackupError(f"stores/{store.name}/{ref}", why, "only uploads that did not end are removed by name")
    for ref in found:
        LOG.info("stores/%s: removing %s", store.name, ref)
        store.delete(ref, FILES)
    names = tuple(str(ref) for ref in found)

    def change(checks: dict[str, Any]) -> None:
        if mine := checks.get(store.name):
            mine["incomplete"] = [name for name in mine["incomplete"] if name not in names]

    state.update(config.state / state.CHECKS, change)
    return Pruned(names, why="" if names else "has no set of this name")


def partial(ref: SetRef) -> bool:
    """Whether its upload did not end. One whose signature does not match is another matter."""
    return not ref.complete and ref.fault.startswith("incomplete")


def entry(ref: SetRef, made: Manifest | None, accepted: list[str]) -> Entry:
    """A set as retention sees it."""
    suspect = bool(made and made.suspect and ref.id not in accepted)
    good = bool(made and not made.failed and not suspect)
    return Entry(ref.kind, ref.id, ref.sequence, ref.complete, good, partial(ref))


def _objects(config: Config, store: Store, kept: list[Manifest], dry_run: bool) -> int:
    """Remove objects that none of these sets names; returns how many."""
    wanted = {sha for made in kept for sha in made.objects}
    if not wanted:
        return 0  # a store whose sets name no object: an empty source removes nothing
    stray = set(store.objects()) - wanted
    most = config.retention.max_deletions * OBJECTS
    if dry_run:
        return min(len(stray), most)
    return store.delete_objects(stray, most)


def summary(pruned: Pruned) -> dict[str, Any]:
    """What was pruned, as JSON."""
    return {"sets": list(pruned.sets), "objects": pruned.objects, "why": pruned.why}
