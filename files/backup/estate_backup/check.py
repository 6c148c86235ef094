"""Whether the stores still hold what was signed: sizes and told hashes, or with `read_data` every byte."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from estate_backup import state
from estate_backup.config import SAFETY, Config
from estate_backup.errors import BackupError
from estate_backup.manifest import MANIFEST, SIGNATURE, Manifest
from estate_backup.metrics import Metrics
from estate_backup.prune import partial
from estate_backup.store import SetRef, Store, object_path, open_store

LOG = logging.getLogger("estate-backup")


@dataclass
class Checked:
    """What a check of one store found. `incomplete` sets are told, and are no fault."""

    store: str
    ok: bool = False
    sets: int = 0
    files: int = 0
    objects: int = 0
    bytes: int = 0
    seconds: float = 0
    read_data: bool = False
    faults: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


def check(config: Config, stores: Sequence[str] = (), identity: str = "", read_data: bool = False) -> list[Checked]:
    """Check stores (none named: all that can be read), all their sets or one (`newest`, or an id)."""
    names = stores or [item.name for item in config.stores if item.readable]
    found = []
    for name in names:
        mine, began = Checked(name, read_data=read_data), time.monotonic()
        try:
            _store(config, open_store(config, name), identity, mine)
        except BackupError as fault:
            mine.faults.append(str(fault))
        mine.ok, mine.seconds = not mine.faults, round(time.monotonic() - began, 2)
        for text in mine.faults:
            LOG.error("%s", text)
        _tell(config, mine)
        found.append(mine)
    return found


def _store(config: Config, store: Store, identity: str, mine: Checked) -> None:
    store.ready()
    refs = store.sets()
    whole = [ref for ref in refs if ref.complete]
    mine.incomplete = [str(ref) for ref in refs if partial(ref)]
    for name in mine.incomplete:
        LOG.warning("stores/%s/%s: is incomplete; `estate-backup prune --incomplete` removes it", store.name, name)
    for ref in refs:
        if not ref.complete and not partial(ref) and identity in ("", "newest", ref.id):
            mine.faults.append(f"{store.name}/{ref}/{MANIFEST}: {ref.fault}")
    ordinary = [ref for ref in refs if ref.kind != SAFETY]
    if identity:
        newest = [ref for ref in ordinary if ref.complete][-1:]
        whole = newest if identity == "newest" else [ref for ref in whole if ref.id == identity]
        if not whole and identity == "newest" and not ordinary and not _arrived(config, store):
            return  # nothing was ever sent here
        if not whole:
            raise BackupError(f"stores/{store.name}", f"has no complete set {identity}", "see `estate-backup list`")
    else:
        _lost(config, store, whole, mine)
    manifests = {ref: store.manifest(ref) for ref in whole}
    for ref, made in manifests.items():
        found = _set(store, ref, made, mine)
        # a backup may prune meanwhile: what it removed is no fault
        mine.faults += found if found and ref.id in {item.id for item in store.sets()} else []
    _objects(config, store, {sha for made in manifests.values() for sha in made.objects}, mine)


def _lost(config: Config, store: Store, whole: Sequence[SetRef], mine: Checked) -> None:
    """Whether the newest set that arrived here is still the newest: someone may have removed it."""
    arrived = _arrived(config, store)
    if arrived and arrived not in {ref.id for ref in whole}:
        mine.faults.append(f"{store.name}: the newest set {arrived} is gone")


def _arrived(config: Config, store: Store) -> str:
    """The newest set that this host sent there; empty: none."""
    return str(state.last(config).get("arrived", {}).get(store.name, ""))


def _set(store: Store, ref: SetRef, made: Manifest, mine: Checked) -> list[str]:
    faults: list[str] = []
    mine.sets += 1
    there = store.files(ref)
    hashes = store.hashes(str(ref), made.size) if mine.read_data else {}
    for name, file in made.files.items():
        at = f"{store.name}/{ref}/{name}"
        mine.files, mine.bytes = mine.files + 1, mine.bytes + file.size
        if name not in there:
            faults.append(f"{at}: is missing")
        elif there[name]["size"] != file.size:
            faults.append(f"{at}: has {there[name]['size']} bytes, not {file.size}")
        elif mine.read_data and hashes.get(name) != file.sha256:
            faults.append(f"{at}: {_differs(hashes.get(name), file.sha256)}")
        else:
            faults += [
                f"{at}: its {kind} is not what was sent"
                for kind, value in there[name]["hashes"].items()
                if value and getattr(file, kind, "") not in ("", value)
            ]
    faults += [
        f"{store.name}/{ref}/{name}: does not belong to the set"
        for name in sorted(set(there) - set(made.files) - {MANIFEST, SIGNATURE})
    ]
    return faults


def _differs(found: str | None, wanted: str) -> str:
    return f"its sha256 is {found[:12]}…, not {wanted[:12]}…" if found else "cannot be read"


def _objects(config: Config, store: Store, wanted: set[str], mine: Checked) -> None:
    if not wanted:
        return
    there = store.objects()
    mine.faults += [f"{store.name}/objects/{object_path(sha)}: is missing" for sha in sorted(wanted - set(there))]
    mine.objects += len(wanted)
    sizes = state.load(config.state / state.OBJECTS).get("known", {})
    known = {entry["object"]: entry["size"] for entry in sizes.values()}
    bad = {sha for sha in wanted & set(there) if known.get(sha, there[sha]) != there[sha]}
    mine.bytes += sum(there[sha] for sha in wanted & set(there))
    if mine.read_data:
        read = store.hashes("objects", sum(there.values()))
        bad |= {sha for sha in wanted & set(there) if read.get(object_path(sha)) != sha}
    mine.faults += [f"{store.name}/objects/{object_path(sha)}: was altered" for sha in sorted(bad)]
    if bad:
        _spoil(config, store.name, bad)


def _spoil(config: Config, name: str, bad: set[str]) -> None:
    """The next run sends their content again, under another name: what lies in a store is never overwritten."""

    def change(spoiled: dict[str, Any]) -> None:
        spoiled[name] = sorted({*spoiled.get(name, ()), *bad})

    state.update(config.state / state.SPOILED, change)


def _tell(config: Config, mine: Checked) -> None:
    now = time.time()
    state.update(config.state / state.CHECKS, lambda checks: checks.update({mine.store: {"at": now, **document(mine)}}))
    metrics = Metrics(config)
    metrics.set("estate_backup_last_check_timestamp_seconds", now, store=mine.store)
    metrics.set("estate_backup_last_check_ok", mine.ok, store=mine.store)
    metrics.write()


def document(mine: Checked) -> dict[str, Any]:
    """A check as JSON."""
    return asdict(mine)
