"""One service's live data are replaced: built and proven beside, stopped, swapped, started, proven again, or put back.

The service is down between two renames only. Whatever goes wrong before its proof is green, its old data come back
and what ran before runs again.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estate_backup import evidence, live, restore_servers, restore_swap
from estate_backup.config import Config, Service
from estate_backup.errors import BackupError
from estate_backup.evidence import Finding
from estate_backup.restore_build import Job
from estate_backup.restore_docker import execute, probe_words
from estate_backup.restore_journal import BUILDING, PROVEN, SWAPPING, Journal
from estate_backup.restore_plan import Step, consumers

LOG = logging.getLogger("estate-backup")


@dataclass(frozen=True)
class Around:
    """The services that a restore stops, and how they were before it: those that ran, and those that were well."""

    service: Service
    consumers: tuple[Service, ...]
    ran: frozenset[str]
    well: frozenset[str]

    @classmethod
    def of(cls, step: Step) -> Around:
        """Look at them."""
        found = live.states((step.service, *step.consumers))
        ran = frozenset(name for name, state in found.items() if state.running)
        well = frozenset(name for name, state in found.items() if state.healthy)
        return cls(step.service, step.consumers, ran, well)


def replace(config: Config, step: Step, journal: Journal, spool: Path, keys: dict[str, str]) -> dict[str, Any]:
    """Restore one service and return what its report says.

    Raises BackupError (or what interrupted it) after the old data are back; the journal says so.
    """
    started, identity = time.monotonic(), journal.set
    around = Around.of(step)
    there = {str(root.live): os.path.lexists(root.live) for root in step.roots}
    journal.work_on(step.service.name, there, sorted(around.ran))
    try:
        places = {root.live: restore_swap.new(root.live, identity) for root in step.roots}
        job = Job(config, step, places, spool, keys)
        finding = restore_servers.build_service(job)
        if not finding.ok:
            raise BackupError(step.service.name, "; ".join(finding.faults) or "nothing is proven", "use another set")
        journal.phase(SWAPPING)
        live.stop((*around.consumers, step.service))
        carried = [name for root in step.roots for name in restore_swap.carry_over(root, places[root.live])]
        for root in step.roots:
            restore_swap.put_in_place(root.live, identity)
        finding += _started(job, around)
        journal.phase(PROVEN)
    except BaseException as fault:
        back = settle(config, journal)
        if isinstance(fault, BackupError):
            raise BackupError(fault.path, f"{fault.fault}; {back}", fault.remedy) from None
        raise
    settle(config, journal)
    seconds = round(time.monotonic() - started, 1)
    report = {"service": step.service.name, "ok": True, "proof": list(finding.proofs), "seconds": seconds}
    return {**report, "carried": carried, "notes": [f"{name} was not healthy before" for name in sorted(_ill(around))]}


def _ill(around: Around) -> frozenset[str]:
    return around.ran - around.well - {around.service.name}


def _started(job: Job, around: Around) -> Finding:
    """Start the service, prove it before anyone writes to it, then start what depends on it. Raises BackupError."""
    service = around.service
    live.start([service])
    live.wait_healthy(service)
    finding = restore_servers.running(job, lambda argv, stdin: execute(service.container, argv, stdin))
    finding += probed(service)
    again = [consumer for consumer in reversed(around.consumers) if consumer.name in around.ran]
    live.start(again)
    for consumer in again:
        if consumer.name in around.well:  # one that was ill before proves nothing of these data
            live.wait_healthy(consumer)
            finding += probed(consumer)
    if finding.faults:
        raise BackupError(service.name, "; ".join(finding.faults), "")
    return finding


def probed(service: Service) -> Finding:
    """Run a service's own proof in its container."""
    if not (service.probe and service.container):
        return Finding()
    try:
        execute(service.container, probe_words(service))
    except BackupError as fault:
        return evidence.fault(f"the probe of {service.name} failed: {fault.fault}")
    return evidence.proof(f"the probe of {service.name} passed")


def settle(config: Config, journal: Journal) -> str:
    """Bring the service at work to one of its two ends, from wherever it is, and say which; may be repeated.

    Proven: the old data go. Otherwise they come back, and what ran before is started. Raises BackupError when the
    old data cannot be brought back; they lie at `<path>.before-<SETID>` then, and the journal stays.
    """
    current = journal.current
    if not current:
        return "nothing was half-way"
    roots = {Path(path): was_there for path, was_there in current["roots"].items()}
    service = config.service(current["service"])
    around = (*consumers(config, service.name), service)
    ran = [each for each in reversed(around) if each.name in current["stopped"]]
    if current["phase"] == PROVEN:
        for place in roots:
            if service.name not in journal.unsaved:
                _forget(restore_swap.before(place, journal.set))
        live.start(ran)
        journal.finish()
        return f"{service.name} is restored"
    try:
        if current["phase"] == SWAPPING:
            live.stop(around)
            for place, was_there in roots.items():
                restore_swap.put_back(place, journal.set, was_there)
        live.start(ran)
    except (BackupError, OSError) as fault:
        raise BackupError(
            service.name,
            f"its old data could not be put back: {fault}",
            f"they are at {', '.join(str(restore_swap.before(place, journal.set)) for place in roots)}",
        ) from None
    for place in roots:
        built = restore_swap.new(place, journal.set)
        restore_swap.remove(built)
        restore_swap.remove(built.with_name(f"{built.name}.tree"))
    journal.rest()
    if current["phase"] == BUILDING:
        return "the live data were not touched"
    return "the old data are back and run"


def _forget(old: Path) -> None:
    """Remove old data; that they cannot be removed makes no restore fail."""
    try:
        restore_swap.remove(old)
    except OSError as fault:
        LOG.warning("%s: old data could not be removed: %s; remove them by hand", old, fault)
