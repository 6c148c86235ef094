"""The drill: the newest set is restored into containers of the services' real images and proven there.

They are on a network of their own and start with the keys that are in the set, so data and keys are proven together.
What a drill proved is what retention trusts: state/proven.json has it by set, state/drills.jsonl every drill with its
evidence. The caller holds the lock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from estate_backup import live, notify, restore_fetch, restore_plan, restore_swap, retention, scratch, state
from estate_backup.config import Config
from estate_backup.drill_prove import Drill, Proof
from estate_backup.errors import BackupError, UsageError
from estate_backup.metrics import Metrics
from estate_backup.report import iso
from estate_backup.restore_fetch import Opened

DRILLS = "drills.jsonl"
REMEMBERED = 200
"""sets whose drills stay in proven.json"""
Report = dict[str, Any]


def drill(config: Config, set_id: str = "newest", *, store: str | None = None, services: Sequence[str] = ()) -> Report:
    """Restore a set into scratch containers, prove it, and remove all of it; return the report.

    + services: names, with what they depend on; none: all that the set has. Such a part of a set proves no set.

    RTO is counted from the first byte that is fetched to the last proof, RPO from the set's start to now; both are
    seconds. What is wrong with the set is in the report ("ok": False). Raises BackupError for undeclared names.
    """
    for name in services:
        config.service(name)
    if store:
        config.store(store)
    began, started = time.time(), time.monotonic()
    report: Report = {"set": set_id, "store": store, "at": iso(began), "ok": False, "services": [], "notes": []}
    try:
        with live.interruptible():
            _run(config, set_id, store, services, report)
    except UsageError:
        raise
    except (BackupError, OSError) as fault:
        report["why"] = str(fault)
    except BaseException as fault:
        report["why"] = f"ended by {fault}"
        _record(config, report, round(time.monotonic() - started, 1))
        raise
    return _record(config, report, round(time.monotonic() - started, 1))


def _run(config: Config, set_id: str, store: str | None, services: Sequence[str], report: Report) -> None:
    scratch.clean(config)
    spool = config.work / "drill-spool"
    restore_swap.remove(spool)
    try:
        spool.mkdir(parents=True, mode=0o700)
        place, ref = restore_fetch.find(config, set_id, store)
        report |= {"set": ref.id, "kind": ref.kind, "store": place.name}
        opened = restore_fetch.open_found(config, place, ref, spool)
        wanted = _wanted(config, opened, services, report)
        steps = restore_plan.steps(config, opened.manifest, opened.contents, wanted)
        report["whole"] = not services and _whole(config, opened)
        needed = restore_fetch.needs(config, opened, steps, scratch=True)
        restore_fetch.check_room(config, needed)
        fetched = time.monotonic()
        restore_fetch.download(opened, steps, opened.contents.services, spool)
        report["download_seconds"] = round(time.monotonic() - fetched, 1)
        keys = restore_fetch.keys(config, opened, opened.contents.services, spool)
        _note_keys(config, wanted, keys, report)
        with Drill(config, steps, spool, keys) as running:
            report["services"] = [_told(proof) for proof in running.prove()]
        report["rpo_seconds"] = round(time.time() - retention.epoch(opened.ref.id))
    finally:
        restore_swap.remove(spool)
        restore_swap.remove(scratch.folder(config))
    failed = [one["service"] for one in report["services"] if not one["ok"]]
    report["ok"] = bool(report["services"]) and not failed and not opened.manifest.failed
    if opened.manifest.failed:
        report["why"] = f"the set lacks {', '.join(opened.manifest.failed)}"
    elif failed:
        report["why"] = f"not proven: {', '.join(failed)}"


def _wanted(config: Config, opened: Opened, services: Sequence[str], report: Report) -> list[str]:
    """The services to drill: those that are asked for with what they depend on, or all that are still declared."""
    declared = {service.name for service in config.services}
    if gone := sorted(opened.contents.services.keys() - declared):
        report["notes"].append(f"in the set, but no longer declared: {', '.join(gone)}")
    if not services:
        return [name for name in opened.contents.services if name in declared]
    needed = [each.name for name in services for each in restore_plan.with_dependencies(config, name)]
    kept = {name for name in services if config.service(name).parts} | opened.contents.services.keys()
    return [name for name in dict.fromkeys(needed) if name in kept]


def _whole(config: Config, opened: Opened) -> bool:
    """The set has every service that keeps data today: only such a set may be proven as a whole."""
    return all(service.name in opened.contents.services for service in config.services if service.parts)


def _note_keys(config: Config, names: Sequence[str], keys: dict[str, str], report: Report) -> None:
    """A set whose keys are not the host's is still good, but its restore will ask for them."""
    try:
        report["keys"] = list(restore_fetch.compare_keys([config.service(name) for name in names], keys))
    except BackupError as fault:
        report["notes"].append(f"keys: {fault.fault}")


def _told(proof: Proof) -> Report:
    finding = proof.finding
    why = "; ".join(finding.faults) or ("" if finding.ok else "nothing is proven")
    return {
        "service": proof.service,
        "ok": finding.ok,
        "proof": list(finding.proofs),
        "why": why,
        "seconds": proof.seconds,
    }


def _record(config: Config, report: Report, seconds: float) -> Report:
    """Write what the drill showed where people, alerts and retention see it."""
    report["rto_seconds"] = seconds
    entry = {key: report.get(key) for key in ("at", "ok", "store", "rto_seconds", "rpo_seconds")}
    entry["services"] = [one["service"] for one in report["services"] if one["ok"]]
    # a good drill of some services is no proof of the set, but a bad one disproves it
    whole = bool(report.get("whole"))
    if _known(str(report["set"])) and (whole or not report["ok"]):
        state.update(config.state / state.PROVEN, lambda known: _remember(known, str(report["set"]), entry))
    state.append(config.state / DRILLS, report)
    metrics = Metrics(config)
    for one in report["services"]:
        metrics.set("estate_backup_drill_service_ok", one["ok"], service=one["service"])
    if whole or not report["ok"]:
        metrics.set("estate_backup_last_drill_timestamp_seconds", time.time())
        metrics.set("estate_backup_last_drill_ok", report["ok"])
    if whole and report["ok"]:
        metrics.set("estate_backup_drill_rto_seconds", seconds)
        metrics.set("estate_backup_drill_rpo_seconds", report["rpo_seconds"])
    metrics.write()
    if not report["ok"]:
        faults = [f"{one['service']}: {one['why']}" for one in report["services"] if not one["ok"]]
        text = f"restore drill of {report['set']} of {config.host} failed"
        action = "journalctl -u estate-backup-drill -e; PROGRAM drill newest says which service."
        notify.alert(config, "BackupDrillFailed", text, action, faults or [report.get("why", "")])
    return report


def _known(identity: str) -> bool:
    """Whether a drill came so far as to know which set it is of."""
    try:
        return retention.epoch(identity) > 0
    except ValueError:
        return False


def _remember(known: dict[str, Any], identity: str, entry: dict[str, Any]) -> None:
    known[identity] = entry
    for old in sorted(known)[:-REMEMBERED]:
        del known[old]
