"""Restore a set: into the live services, or into a scratch folder to look at.

Nothing is written before the signature, every hash, the keys and the room are right. Live data are replaced service by
service (restore_live.py); state/restoring.json says how far it is, and the next restore of the set goes on from there.
The caller holds the lock.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from estate_backup import live, restore_fetch, restore_live, restore_plan, restore_servers, restore_swap, run, scratch
from estate_backup.config import SAFETY, Config
from estate_backup.errors import BackupError, UsageError
from estate_backup.restore_build import Job
from estate_backup.restore_fetch import Opened
from estate_backup.restore_journal import Journal, must_match
from estate_backup.restore_plan import Step

Report = dict[str, Any]


def restore(
    config: Config,
    set_id: str,
    *,
    store: str | None = None,
    services: Sequence[str] = (),
    to: str = "scratch",
    confirm: str = "",
) -> Report:
    """Restore a set and return the report.

    + set_id: its id, KIND/ID, or "newest" (only to scratch)
    + store: where it comes from; none: folders first, then remotes
    + services: names; none: all that the set has
    + confirm: the host's name, typed by whoever means to overwrite its live data

    Raises BackupError: before anything is written, or after the service at work has its old data back.
    """
    if to not in ("scratch", "live"):
        raise UsageError("--to", f"{to!r} is neither scratch nor live", "")
    if to == "live":
        _confirmed(config, set_id, confirm)
        with live.interruptible():
            return _into_live(config, set_id, store, services)
    with live.interruptible():
        return _into_scratch(config, set_id, store, services)


def _confirmed(config: Config, set_id: str, confirm: str) -> None:
    if confirm != config.host:
        raise UsageError(
            "--confirm", f"live data of {config.host} would be overwritten", f"confirm with --confirm {config.host}"
        )
    if set_id == "newest":
        raise UsageError("restore", "live data are not replaced by whatever is newest", "name the set's id")


def _into_live(config: Config, set_id: str, store: str | None, services: Sequence[str]) -> Report:
    started = time.monotonic()
    journal, notes = Journal.read(config), []
    if journal:
        must_match(journal, set_id.rpartition("/")[2])
        notes.append(f"goes on with an interrupted restore: {restore_live.settle(config, journal)}")
        store, services = journal.store, [name for name in journal.services if name not in journal.done]
    scratch.clean(config)
    spool = _spool(config, set_id)
    if journal and not services:
        return _ended(config, journal, [], notes, started, spool)
    opened, steps, keys = _checked(config, set_id, store, services, spool)
    restore_swap.refuse((root for step in steps for root in step.roots), opened.ref.id)
    live.require(each for step in steps for each in (step.service, *step.consumers))
    if not journal:
        names = [step.service.name for step in steps]
        safety, unsaved = _safety(config, names, notes)
        journal = Journal.begin(config, opened.ref.id, opened.store.name, names, safety, unsaved)
    done: list[Report] = []
    for step in steps:
        try:
            done.append(restore_live.replace(config, step, journal, spool, keys))
        except BackupError as fault:
            if not journal.current:
                journal.end()  # every service has either its old data or proven new ones
            restored = ", ".join(journal.done) or "none"
            raise BackupError(fault.path, f"{fault.fault} (restored before that: {restored})", fault.remedy) from None
    return _ended(config, journal, done, notes, started, spool)


def _ended(
    config: Config, journal: Journal, done: list[Report], notes: list[str], started: float, spool: Path
) -> Report:
    before = [name for name in journal.done if name not in {report["service"] for report in done}]
    done = [{"service": name, "ok": True, "proof": ["proven before the interruption"]} for name in before] + done
    if kept := ", ".join(name for name in journal.done if name in journal.unsaved):
        notes.append(f"{kept}: the old data stay beside the new, at *.before-{journal.set}; remove them by hand")
    journal.end()
    restore_swap.remove(spool)
    report = {"set": journal.set, "store": journal.store, "to": "live", "ok": True, "safety": journal.safety}
    return {**report, "services": done, "notes": notes, "seconds": round(time.monotonic() - started, 1)}


def abandon(config: Config) -> Report:
    """Give an interrupted restore up: the service that it was at has its old data again, proven ones stay restored."""
    journal = Journal.read(config)
    if not journal:
        return {"ok": True, "notes": ["no restore is unfinished"]}
    with live.interruptible():
        said = restore_live.settle(config, journal)
        scratch.clean(config)
        restore_swap.remove(_spool(config, journal.set))
        journal.end()
    return {"ok": True, "set": journal.set, "services": list(journal.done), "notes": [said]}


def _into_scratch(config: Config, set_id: str, store: str | None, services: Sequence[str]) -> Report:
    started = time.monotonic()
    scratch.clean(config)
    spool = _spool(config, set_id)
    try:
        opened, steps, keys = _checked(config, set_id, store, services, spool, scratch=True)
        top = scratch_folder(config, opened.ref.id)
        if top.exists():
            raise BackupError(top, "is there from an earlier restore", "look at it and remove it")
        done = []
        try:
            for step in steps:
                done.append(_build(config, step, top, spool, keys))
        except BaseException:
            restore_swap.remove(top)
            raise
    finally:
        restore_swap.remove(spool)
    report = {"set": opened.ref.id, "store": opened.store.name, "to": "scratch", "folder": str(top)}
    notes = [f"plaintext lies in {top}; remove it after use"]
    ok = all(one["ok"] for one in done)
    return {**report, "ok": ok, "services": done, "notes": notes, "seconds": round(time.monotonic() - started, 1)}


def scratch_folder(config: Config, identity: str) -> Path:
    """Where `--to scratch` puts a set."""
    return config.base / "scratch" / identity


def places(step: Step, top: Path) -> dict[Path, Path]:
    """Where a step is built below a folder: each live root by its own name."""
    folder = top / step.service.name
    folder.mkdir(parents=True, mode=0o700)
    return {root.live: folder / f"{number}-{root.live.name}" for number, root in enumerate(step.roots)}


def _build(config: Config, step: Step, top: Path, spool: Path, keys: dict[str, str]) -> Report:
    top.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    top.mkdir(exist_ok=True, mode=0o700)
    job = Job(config, step, places(step, top), spool, keys)
    finding = restore_servers.build_service(job)
    where = {str(root): str(place) for root, place in job.places.items()}
    report = {"service": step.service.name, "ok": finding.ok, "proof": list(finding.proofs), "places": where}
    return {**report, "why": "; ".join(finding.faults)}


def _checked(
    config: Config, set_id: str, store: str | None, services: Collection[str], spool: Path, scratch: bool = False
) -> tuple[Opened, tuple[Step, ...], dict[str, str]]:
    """Everything that can be checked before a byte is written, and the ciphertext in the spool."""
    opened = restore_fetch.open_set(config, set_id, store, spool)
    steps = restore_plan.steps(config, opened.manifest, opened.contents, services)
    restore_fetch.check_room(config, restore_fetch.needs(config, opened, steps, scratch))
    names = [step.service.name for step in steps]
    restore_fetch.download(opened, steps, names if not scratch else opened.contents.services, spool)
    keys = restore_fetch.keys(config, opened, names if not scratch else opened.contents.services, spool)
    if not scratch:
        restore_fetch.compare_keys([step.service for step in steps], keys)
    return opened, steps, keys


def _spool(config: Config, set_id: str) -> Path:
    config.work.mkdir(parents=True, exist_ok=True, mode=0o700)
    return config.work / f"restore-{set_id.rpartition('/')[2]}"


def _safety(config: Config, services: Sequence[str], notes: list[str]) -> tuple[str, list[str]]:
    """Make a set of what is there now; return its id, and the services that it could not save.

    A service that cannot be backed up may be why it is restored: that is no refusal, but its old data stay.
    """
    try:
        report = run.run(config, SAFETY, services)
    except BackupError as fault:
        notes.append(f"no safety set: {fault}")
        return "", list(services)
    if not report.id or not any(store.ok for store in report.stores.values()):
        notes.append(f"no safety set: {'; '.join(report.faults())}")
        return "", list(services)
    unsaved = [name for name in services if name not in report.services]
    notes += [f"not in the safety set: {report.failed.get(name, name)}" for name in unsaved]
    return report.id, unsaved
