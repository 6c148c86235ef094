"""What is there: lists, one set, the state of everything; accepting a suspect set; the keys of a set."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from estate_backup import crypt, manifest, retention, state
from estate_backup.config import SAFETY, Config
from estate_backup.errors import BackupError
from estate_backup.manifest import KEYS
from estate_backup.report import iso
from estate_backup.store import SetRef, Store, open_store


def listing(config: Config, stores: Sequence[str] = ()) -> dict[str, Any]:
    """Every set of every store, and the stores that could not be asked: {"sets": […], "faults": {store: why}}."""
    rows: list[dict[str, Any]] = []
    faults: dict[str, str] = {}
    drills, accepted = state.proven(config), state.last(config).get("accepted", [])
    for name in stores or [item.name for item in config.stores if item.readable]:
        try:
            store = open_store(config, name)
            store.ready()
            rows += [_row(store, ref, drills, accepted) for ref in store.sets()]
        except BackupError as fault:
            faults[name] = str(fault)
    return {"sets": rows, "faults": faults}


def _row(store: Store, ref: SetRef, drills: dict[str, Any], accepted: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"store": store.name, "kind": ref.kind, "id": ref.id, "complete": ref.complete}
    row |= {"sequence": ref.sequence, "fault": ref.fault, "proven": bool(drills.get(ref.id, {}).get("ok"))}
    if ref.complete:
        made = store.manifest(ref)
        row |= {"size": made.size, "objects": len(made.objects), "services": sorted(made.services)}
        row |= {"started": made.started, "finished": made.finished, "failed": dict(made.failed)}
        row |= {"suspect": list(made.suspect), "accepted": ref.id in accepted}
    return row


def find(config: Config, identity: str, name: str = "") -> tuple[Store, SetRef]:
    """A complete set by its id, or the `newest`, in one store or the first that has it.

    Directories are asked first, as they are near. Raises BackupError when no store has it, and says what each said.
    """
    names = [name] if name else [item.name for item in _near_first(config)]
    said = []
    for each in names:
        try:
            store = open_store(config, each)
            store.ready()
            refs = store.sets()
        except BackupError as fault:
            said.append(str(fault))
            continue
        known = [ref for ref in refs if (ref.kind != SAFETY if identity == "newest" else ref.id == identity)]
        whole = [ref for ref in known if ref.complete]
        if whole:
            return store, whole[-1]
        said += [f"{each}: {ref}: {ref.fault}" for ref in known]
    raise BackupError(
        f"sets/{identity}", "; ".join(["no store has it", *said]), "`estate-backup list` shows what is there"
    )


def _near_first(config: Config) -> list[Any]:
    return sorted((item for item in config.stores if item.readable), key=lambda item: item.kind != "directory")


def show(config: Config, identity: str, name: str = "") -> dict[str, Any]:
    """One set: its manifest, its drill, and (where the identity is there) sizes and evidence of its parts."""
    store, ref = find(config, identity, name)
    found: dict[str, Any] = {"store": store.name, "manifest": json.loads(store.manifest(ref).dump())}
    found["proven"] = state.proven(config).get(ref.id)
    found["accepted"] = ref.id in state.last(config).get("accepted", [])
    if config.identity.is_file():
        with tempfile.TemporaryDirectory(prefix="estate-backup-") as scratch:
            contents = manifest.open_contents(config, store, ref, Path(scratch))
        found["contents"] = {
            service: {part: {"size": kept.size, "evidence": _short(kept.evidence)} for part, kept in parts.items()}
            for service, parts in contents.services.items()
        }
    return found


def _short(evidence: Any) -> dict[str, Any]:
    """Evidence without the names of users' objects."""
    short = dict(evidence)
    if "objects" in short:
        short = {"objects": len(short["objects"]), "directories": len(short.get("directories", ()))}
    return short


def keys(config: Config, identity: str, name: str = "") -> dict[str, dict[str, str]]:
    """The keys of a set, by service. For disaster recovery; they are secrets."""
    store, ref = find(config, identity, name)
    found: dict[str, dict[str, str]] = {}
    made = store.manifest(ref)
    with tempfile.TemporaryDirectory(prefix="estate-backup-") as scratch:
        for service in made.services:
            file = f"{service}/{KEYS}.age"
            if file in made.files:
                sealed = Path(scratch) / service
                store.fetch(ref, file, sealed)
                found[service] = json.loads(crypt.decrypt_text(sealed, config))
    return found


def accept(config: Config, identity: str) -> dict[str, Any]:
    """Take a suspect set as good: what it holds is the floor from now on, and retention goes on.

    Raises BackupError when there is no such suspect set.
    """
    candidates = state.last(config).get("candidates", {})
    if identity not in candidates:
        known = ", ".join(sorted(candidates)) or "none"
        raise BackupError(f"sets/{identity}", "is no suspect set", f"suspect are: {known}")

    def change(last: dict[str, Any]) -> None:
        last["floors"] = {**last.get("floors", {}), **last["candidates"].pop(identity)}
        last["accepted"] = [*last.get("accepted", []), identity][-50:]

    state.update(config.state / state.LAST, change)
    return {"accepted": identity}


def status(config: Config) -> dict[str, Any]:
    """What the state on this host says; no store is asked."""
    last, drills = state.last(config), state.proven(config)
    path = config.state / state.RUNS
    runs = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    newest: dict[str, Any] = {}
    for run in runs:
        newest[run["kind"]] = {
            key: run[key] for key in ("id", "started", "ok", "seconds", "bytes", "failed", "suspect")
        }
        newest[run["kind"]]["stores"] = {name: mine["ok"] for name, mine in run["stores"].items()}
    pruning = {name: mine.get("kept_all", "") for run in runs for name, mine in run["stores"].items() if mine["ok"]}
    checks = state.load(config.state / state.CHECKS)
    return {
        "host": config.host,
        "now": iso(time.time()),
        "sequence": last.get("sequence", 0),
        "newest": last.get("newest"),
        "newest_proven": bool(last.get("newest")) and retention.proven(last["newest"], drills),
        "runs": newest,
        "suspect": sorted(last.get("candidates", {})),
        "checks": checks,
        "incomplete": {name: mine["incomplete"] for name, mine in checks.items() if mine.get("incomplete")},
        "not_pruned": {name: why for name, why in pruning.items() if why},
        "drills": {name: drills[name] for name in sorted(drills)[-5:]},
        "restoring": (config.state / state.RESTORING).exists(),
    }
