"""Takes a closed set to its stores, and prunes there what its arrival makes superfluous."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from estate_backup import disk
from estate_backup.config import SAFETY, Config, StoreConfig
from estate_backup.errors import BackupError, UsageError
from estate_backup.prune import prune
from estate_backup.report import Report, StoreReport
from estate_backup.store import SetRef, Store, open_store

LOG = logging.getLogger("estate-backup")


def targets(config: Config, kind: str, named: tuple[str, ...] = ()) -> list[StoreConfig]:
    """The stores of a kind, or the named ones. Raises UsageError when there is none."""
    if named:
        return [config.store(name) for name in dict.fromkeys(named)]
    if kind == SAFETY:  # what a restore is about to replace must be near
        found = [item for item in config.stores if item.kind == "directory" and not item.mount] or list(config.stores)
    else:
        found = [item for item in config.stores if kind in item.kinds]
    if not found:
        raise UsageError("stores", f"none takes {kind} sets", "name one with --store, or declare it")
    return found


def open_all(config: Config, wanted: list[StoreConfig], report: Report) -> list[Store]:
    """Open the stores that can be used now; the others are noted in the report."""
    ready = []
    for settings in wanted:
        report.stores[settings.name] = StoreReport()
        try:
            store = open_store(config, settings.name)
            store.ready()
        except BackupError as fault:
            failed(report, settings.name, fault)
            continue
        ready.append(store)
    return ready


def failed(report: Report, name: str, fault: BackupError) -> None:
    """Note that a store failed."""
    LOG.error("%s", fault)
    report.stores[name].ok, report.stores[name].why = False, str(fault)


def highest(stores: list[Store], report: Report) -> tuple[int, list[SetRef]]:
    """The highest sequence of the stores that can be read, and all their sets; a store that fails is dropped."""
    refs: list[SetRef] = []
    for store in list(stores):
        if store.settings.readable:
            try:
                refs += store.sets()
            except BackupError as fault:
                failed(report, store.name, fault)
                stores.remove(store)
    return max((ref.sequence or 0 for ref in refs), default=0), refs


def ship(stores: list[Store], folder: Path, report: Report) -> None:
    """Put the set into each store that has not failed yet; a failing one does not stop the others."""
    size = disk.size_of(folder)
    for store in stores:
        mine = report.stores[store.name]
        if mine.why:
            continue
        started = time.monotonic()
        try:
            store.put_set(report.kind, report.id, folder)
        except BackupError as fault:
            failed(report, store.name, fault)
            continue
        mine.ok, mine.bytes, mine.seconds = True, size, round(time.monotonic() - started, 2)
        LOG.info("stores/%s: %s/%s: %d bytes in %.1f s", store.name, report.kind, report.id, size, mine.seconds)


def prune_all(config: Config, stores: list[Store], report: Report) -> None:
    """Prune the stores that the set reached. A fault is noted: the set itself is there."""
    for store in stores:
        mine = report.stores[store.name]
        if not mine.ok:
            continue
        try:
            pruned = prune(config, store)
        except BackupError as fault:
            LOG.error("%s", fault)
            mine.ok, mine.why = False, f"pruning: {fault}"
            continue
        mine.pruned, mine.kept_all = list(pruned.sets), pruned.why
        if pruned.why:
            LOG.info("stores/%s: %s", store.name, pruned.why)
