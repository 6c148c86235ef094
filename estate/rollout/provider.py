"""The providers, asked and told: reads what is there, orders machines, writes and removes DNS records."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from estate.clients.cloudflare import Dns, Zone
from estate.clients.errors import ApiError, BadAnswerError, ServerFaultError, UnreachableError
from estate.clients.vultr import Vultr
from estate.edge import dns as records_of
from estate.edge.provision import Fleet, Outline, Row, Seen, order, tag
from estate.models.cloud import Machine, Record
from estate.models.edge import Mesh
from estate.models.faults import EstateFaults, Fault

T = TypeVar("T")
Say = Callable[[str], None]
_PAUSE = 5
"""Seconds between two looks at machines that are being made."""


@dataclass
class Clock:
    """Time, to be replaced in tests."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def look(mesh: Mesh, vultr: Vultr, dns: Dns | None, *, strict: bool = False) -> Seen:
    """What plans, machines and records there are.

    + dns: None: without Cloudflare
    + strict: raise ApiError when machines or records cannot be read, instead of noting it
    """
    silent: list[str] = []
    machines, records = None, None
    plans = _asked("Vultr about its plans", silent, vultr.plans, strict=False)
    free = {} if plans is None else _free(mesh, vultr, silent)
    if not vultr.authenticated:
        silent.append("Vultr about machines (no VULTR_API_KEY)")
    else:
        machines = _asked("Vultr about machines", silent, vultr.machines, strict=strict)
    if dns is None:
        silent.append("Cloudflare about DNS records (no CLOUDFLARE_API_TOKEN, or --no-dns)")
    else:
        read = dns
        records = _asked("Cloudflare about DNS records", silent, lambda: _records(mesh, read), strict=strict)
    seen_machines = None if machines is None else tuple(machines)
    return Seen(plans, free, seen_machines, None if records is None else tuple(records), tuple(silent))


def _records(mesh: Mesh, dns: Dns) -> list[Record]:
    return dns.records(dns.zone(mesh.domain))


def _free(mesh: Mesh, vultr: Vultr, silent: list[str]) -> dict[str, frozenset[str]]:
    found = {}
    for region in sorted({node.region for node in mesh.nodes if node.provider == "vultr"}):
        try:
            found[region] = vultr.free(region)
        except UnreachableError as error:
            # The others would be waited for just as long
            silent.append(f"Vultr about what is free ({error.text})")
            break
        except ApiError as error:
            silent.append(f"Vultr about what is free in {region} ({error.text})")
    return found


def _asked(what: str, silent: list[str], ask: Callable[[], T], *, strict: bool) -> T | None:
    try:
        return ask()
    except ApiError as error:
        if strict:
            raise
        silent.append(f"{what} ({error.text}; {error.advice})")
        return None


def bring_up(
    fleet: Fleet, rows: Iterable[Row], vultr: Vultr, say: Say, clock: Clock
) -> tuple[dict[str, Machine], list[Fault]]:
    """Order what is missing and wait until all of it runs: the machines by node, and what went wrong with others.

    A second run finds what the first one ordered, by its label, and waits for it. Raises ApiError when the SSH keys
    cannot be made known: nothing was ordered then.
    """
    rows = [row for row in rows if row.action in ("create", "wait")]
    missing = [row for row in rows if row.action == "create"]
    keys = vultr.key_ids(tag(fleet.mesh), fleet.keys) if any(row.route == "infect" for row in missing) else []
    machines = {row.node.name: row.machine for row in rows if row.machine}
    faults: list[Fault] = []
    for row in missing:
        try:
            machines[row.node.name] = vultr.create(order(fleet, row, keys))
        except (UnreachableError, ServerFaultError, BadAnswerError) as error:
            remedy = "it may have been made all the same: run it again, it is looked for by its label first"
            faults.append(Fault(error.where, error.text, remedy))
            continue
        except ApiError as error:
            faults.append(error.fault)
            continue
        say(f"{row.node.name}: ordered ({row.node.plan} in {row.node.region})")
    done, late = _wait(machines, vultr, say, clock, fleet.mesh.provisioning.patience)
    return done, faults + late


def _wait(
    machines: dict[str, Machine], vultr: Vultr, say: Say, clock: Clock, patience: int
) -> tuple[dict[str, Machine], list[Fault]]:
    end = clock.now() + patience
    done: dict[str, Machine] = {}
    why = dict.fromkeys(machines, "it does not run yet")
    while True:
        for name in [name for name in machines if name not in done]:
            try:
                machine = vultr.machine(machines[name].id)
            except ApiError as error:
                why[name] = error.text
                continue
            if machine.ready and machine.address:
                done[name] = machine
                say(f"{name}: runs at {machine.address} ({len(done)} of {len(machines)})")
        if len(done) == len(machines):
            return done, []
        if clock.now() >= end:
            break
        clock.sleep(_PAUSE)
    late = [
        Fault(f"vultr/instances/{machines[name].label}", f"not there after {patience} s: {why[name]}", "run it again")
        for name in machines
        if name not in done
    ]
    return done, late


def sync_records(mesh: Mesh, dns: Dns, addresses: Mapping[str, str], say: Say) -> None:
    """Make the records of these nodes as declared, after a fresh look; each change is said. Raises ApiError."""
    zone = dns.zone(mesh.domain)
    found = records_of.diff(mesh, addresses, dns.records(zone))
    # A record of a node that is declared no more goes with `destroy`, never in passing
    write_records(dns, zone, (change for change in found.changes if change.node in addresses), say)


def remove_records(mesh: Mesh, dns: Dns, found: records_of.Diff, say: Say) -> None:
    """Remove the records of a node that goes; each is said. Raises ApiError."""
    if found.changes:
        write_records(dns, dns.zone(mesh.domain), found.changes, say)


def write_records(dns: Dns, zone: Zone, changes: Iterable[records_of.Change], say: Say) -> None:
    """Make the changes one by one; each is said. Raises ApiError."""
    do = {"add": dns.add, "change": dns.change, "remove": dns.remove}
    for change in changes:
        do[change.kind](zone, change.record)
        say(f"dns: {change}")


def addresses_of(found: Outline, machines: dict[str, Machine]) -> dict[str, str]:
    """Addresses by node, those of machines that have just come up among them."""
    known = {row.node.name: row.address for row in found.rows if row.address}
    return known | {name: machine.address for name, machine in machines.items()}


def doomed(mesh: Mesh, name: str, machines: Iterable[Machine]) -> Machine | None:
    """The one machine that is a node's, by label and tag; None when there is none. Raises EstateFaults for several."""
    found = [machine for machine in machines if machine.label == name and tag(mesh) in machine.tags]
    if len(found) > 1:
        ids = ", ".join(machine.id for machine in found)
        fault = f"{len(found)} machines have its label and tag: {ids}"
        raise EstateFaults([Fault(f"vultr/instances/{name}", fault, "delete the wrong ones in Vultr's console")])
    return found[0] if found else None
