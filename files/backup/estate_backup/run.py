"""One backup: collect, close, ship, prune, tell. Under the lock; what lies in the spool is gone afterwards."""

from __future__ import annotations

import itertools
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

from estate_backup import collect, floors, notify, room, seal, ship, state, told
from estate_backup.config import ID_TIME, KINDS, SAFETY, Config, Service
from estate_backup.errors import BackupError, UsageError
from estate_backup.pool import Pool
from estate_backup.report import Report
from estate_backup.store import SetRef, Store

LOG = logging.getLogger("estate-backup")
PARTIAL_KINDS = ("manual", "pre-migration", SAFETY)
CANDIDATES = 20
"""suspect sets whose measures are remembered until they are accepted"""


def run(
    config: Config,
    kind: str,
    services: Sequence[str] = (),
    stores: Sequence[str] = (),
    clock: Callable[[], float] = time.time,
) -> Report:
    """Make a set and ship it; the caller holds the lock. Raises UsageError; all other faults are in the report.

    + services, stores: none: all services, and the stores whose `kinds` have the kind
    """
    chosen = _chosen(config, kind, services)
    wanted = ship.targets(config, kind, tuple(stores))
    report = Report(kind, clock())
    began = time.monotonic()
    told.started(config, report)
    try:
        _clean(config, kind)
        _make(config, chosen, ship.open_all(config, wanted, report), report, clock)
    except (BackupError, OSError) as fault:
        LOG.error("%s", fault)
        report.why = str(fault)
    except BaseException as fault:
        report.why = f"run: ended by {type(fault).__name__}"
        raise
    finally:
        report.seconds = round(time.monotonic() - began, 2)
        shutil.rmtree(config.spool, ignore_errors=True)
        _tell(config, report)
    if not report.ok and kind != SAFETY:
        summary, action = (
            f"{kind} backup of {config.host} failed",
            f"PROGRAM status; journalctl -u estate-backup-{kind} -e.",
        )
        notify.alert(config, "BackupFailed", summary, action, report.faults(), {"kind": kind})
    return report


def _tell(config: Config, report: Report) -> None:
    """Note the end. That it cannot be noted (a full disk) is a fault of the run, and must not hide the others."""
    try:
        told.ended(config, report)
    except OSError as fault:
        LOG.error("%s", fault)
        report.why = report.why or f"{config.state}: {fault}"


def _chosen(config: Config, kind: str, services: Sequence[str]) -> list[Service]:
    if kind not in KINDS:
        raise UsageError(f"--kind {kind}", "is not a kind", f"one of: {', '.join(KINDS)}")
    if services and kind not in PARTIAL_KINDS:
        raise UsageError("--service", f"a {kind} set has all services", f"one of --kind {', '.join(PARTIAL_KINDS)}")
    marker = config.state / state.RESTORING
    if marker.exists() and kind != SAFETY:
        raise BackupError(
            marker, "a restore did not end", "`estate-backup restore` of the same set ends it, `abandon` gives it up"
        )
    named = [config.service(name) for name in dict.fromkeys(services)] or list(config.services)
    chosen = [service for service in named if service.parts]
    if not chosen:
        raise UsageError("--service", "none of these keeps anything", "name others")
    return chosen


def _clean(config: Config, kind: str) -> None:
    """An empty spool. Whatever is in it was left by a run that was killed: the lock is ours."""
    # below a restore, the rest of the folder is that restore's
    old = config.spool if kind == SAFETY else config.work
    for left in old.iterdir() if old.exists() else ():  # not the folder: it may be a file system of its own
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
    config.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    config.work.chmod(0o700)


def _make(
    config: Config, chosen: list[Service], stores: list[Store], report: Report, clock: Callable[[], float]
) -> None:
    last = state.last(config)
    report.sequence, refs = _sequence(stores, report, int(last.get("sequence", 0)))
    if not stores:
        raise BackupError("stores", "none can be used", "see their faults")
    _identify(report, refs, str(last.get("newest", "")))
    room.require(config, _needed(chosen, last.get("floors", {})))
    folder = config.spool / "set"
    folder.mkdir(mode=0o700)
    pool = Pool(config, stores, lambda store, fault: ship.failed(report, store.name, fault), report.kind == "weekly")
    try:
        collected = collect.collect(config, chosen, folder, pool, report.failed.__setitem__)
    finally:
        pool.save()
        report.object_bytes = pool.sent_bytes
    if not collected:
        raise BackupError("services", "none could be collected", "see their faults")
    measured = floors.measure(collected)
    report.services = {name: sum(part.size for part in parts.values()) for name, parts in collected.items()}
    report.suspect = [] if report.kind == SAFETY else floors.shrunk(measured, last.get("floors", {}))
    previous = str(last["newest"]) if last.get("newest") else None
    report.bytes = seal.close(config, folder, report, collected, previous, clock()).size
    _remember(config, report, measured)
    _drop_failed(stores, report)
    ship.ship(stores, folder, report)
    _arrived(config, report)
    ship.prune_all(config, stores, report)
    told.stores(config, stores, report)


def _sequence(stores: list[Store], report: Report, remembered: int) -> tuple[int, list[SetRef]]:
    found, refs = ship.highest(stores, report)
    return 1 + max(found, remembered), refs


def _identify(report: Report, refs: list[SetRef], newest: str) -> None:
    """Name the set by its start, or the next second that no set has.

    The sequence orders sets: a clock that went back is told, and hurts nothing.
    """
    known = {ref.id for ref in refs} | ({newest} if newest else set())
    names = (time.strftime(ID_TIME, time.gmtime(report.started + ahead)) for ahead in itertools.count())
    report.id = next(name for name in names if name not in known)
    later = sorted(identity for identity in known if identity > report.id)
    if later:
        warning = f"clock: {report.id} is not after {later[-1]}; see the host's clock"
        LOG.warning("%s", warning)
        report.warnings.append(warning)


def _needed(chosen: list[Service], known: dict[str, dict[str, dict[str, int]]]) -> int:
    """Bytes that the spool will probably take: what the last good set had, without objects."""
    names = {service.name for service in chosen}
    parts = [parts for name, parts in known.items() if name in names]
    return sum(what.get("size", 0) for each in parts for name, what in each.items() if name != "objects")


def _remember(config: Config, report: Report, measured: floors.Measures) -> None:
    """Before a byte is shipped: a sequence is never used twice. A suspect set sets no floors until it is accepted."""

    def change(last: dict[str, Any]) -> None:
        last["sequence"] = report.sequence
        if report.kind == SAFETY:
            return
        last["newest"] = report.id
        if report.suspect:
            candidates = {**last.get("candidates", {}), report.id: measured}
            last["candidates"] = {key: candidates[key] for key in sorted(candidates)[-CANDIDATES:]}
        else:
            last["floors"] = {**last.get("floors", {}), **measured}

    state.update(config.state / state.LAST, change)


def _arrived(config: Config, report: Report) -> None:
    """Remember the newest set of each store: a check tells when it is gone."""
    if report.kind == SAFETY:
        return
    names = [name for name, mine in report.stores.items() if mine.ok]
    state.update(
        config.state / state.LAST,
        lambda last: last.setdefault("arrived", {}).update(dict.fromkeys(names, report.id)),
    )


def _drop_failed(stores: list[Store], report: Report) -> None:
    """A store that lost an object of the set gets no set that names it."""
    stores[:] = [store for store in stores if not report.stores[store.name].why]
