"""Tells what a run did: metrics, and a line of history."""

from __future__ import annotations

from estate_backup import state
from estate_backup.config import KINDS, SAFETY, Config
from estate_backup.errors import BackupError
from estate_backup.metrics import Metrics
from estate_backup.prune import entry
from estate_backup.report import Report
from estate_backup.store import Store


def started(config: Config, report: Report) -> None:
    """Note the start: a run that is killed is seen by it."""
    if report.kind == SAFETY:
        return
    metrics = Metrics(config)
    metrics.set("estate_backup_last_start_timestamp_seconds", report.started, kind=report.kind)
    metrics.write()


def ended(config: Config, report: Report) -> None:
    """Note the end of a run, however it ended; alerts look at the metrics, so a safety set has none."""
    if report.kind != SAFETY:
        _measured(config, report)
    state.append(config.state / state.RUNS, report.document())


def _measured(config: Config, report: Report) -> None:
    metrics, kind = Metrics(config), report.kind
    metrics.set("estate_backup_last_result", report.ok, kind=kind)
    metrics.set("estate_backup_set_duration_seconds", report.seconds, kind=kind)
    suspect = {fault.partition("/")[0] for fault in report.suspect}
    for service, size in report.services.items():
        metrics.set("estate_backup_service_bytes", size, service=service)
        metrics.set("estate_backup_service_ok", service not in suspect, service=service)
    for service in report.failed:
        metrics.set("estate_backup_service_ok", 0, service=service)
    for name, mine in report.stores.items():
        if mine.ok:
            metrics.set("estate_backup_set_size_bytes", mine.bytes, kind=kind, store=name)
        if mine.ok and not (report.failed or report.suspect):
            metrics.set(
                "estate_backup_last_success_timestamp_seconds", report.started + report.seconds, kind=kind, store=name
            )
    metrics.write()


def stores(config: Config, opened: list[Store], report: Report) -> None:
    """Note what each store that can be read holds now."""
    metrics = Metrics(config)
    accepted = state.last(config).get("accepted", [])
    for store in opened:
        if not store.settings.readable or not report.stores[store.name].ok:
            continue
        try:
            refs = [ref for ref in store.sets() if ref.complete]
            entries = [entry(ref, store.manifest(ref), accepted) for ref in refs]
            suspect = sum(bool(store.manifest(ref).suspect) and ref.id not in accepted for ref in refs)
        except BackupError:
            continue  # the set is there; the next run counts again
        for kind in KINDS:
            metrics.set("estate_backup_sets", sum(item.kind == kind for item in entries), store=store.name, kind=kind)
        metrics.set("estate_backup_suspect_sets", suspect, store=store.name)
    metrics.write()
