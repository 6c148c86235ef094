"""The beginning of a run: every host reachable, sound, and locked, before anything is changed on any."""

import sys
import time
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

import gevent
from pyinfra import logger
from pyinfra.api.host import Host as PyinfraHost
from pyinfra.api.inventory import Inventory

from estate import preflight
from estate.checks.answers import former
from estate.checks.proven import warning
from estate.exit_codes import ExitCode
from estate.facts.host_state import StateQuery, recalled
from estate.facts.quiet import read
from estate.inventory import Estate
from estate.models.desired import Desired
from estate.models.faults import EstateFaults, Fault
from estate.models.host import EdgeHost, StackHost
from estate.plan.system import due
from estate.render import edge, stack
from estate.render.proxmox import TASK
from estate.rollout.build import controller_faults
from estate.run.current import Run, commit, current
from estate.run.guard import refuse, register
from estate.run.journal import interrupted_record, journal_text, write_script
from estate.run.link import watch
from estate.run.lock import interrupted, lock_fault, take_script, was_taken
from estate.run.locks import Locks
from estate.run.proxmox import node_faults, with_missing_containers
from estate.run.recorder import Recorder
from estate.run.saved import present_plan

if TYPE_CHECKING:
    from rich.table import Table


class UnreachableFaults(EstateFaults):
    """Hosts that were asked for are not there."""


class LockedFaults(EstateFaults):
    """Somebody else deploys to a host."""


def plan_digest(wanted: Mapping[str, Mapping[str, Desired]]) -> str:
    """One digest over everything that is wanted of every host."""
    total = sha256()
    for name in sorted(wanted):
        for task, desired in wanted[name].items():
            rest = (desired.packages, desired.accounts, desired.units, desired.sysctl, desired.handlers)
            total.update(f"{name}\0{task}\0{desired.tree.digest}\0{rest!r}\n".encode())
    return total.hexdigest()[:16]


def reachable(estate: Estate, inventory: Inventory) -> None:
    """Raises UnreachableFaults when a host of this run could not be connected to: no other is touched then."""
    state = inventory.state
    active = {target.name for target in inventory.get_active_hosts()}
    asked = {target.name for target in inventory if state.is_host_in_limit(target)}
    run = current()
    faults = preflight.unreachable(estate, asked - active, run.connect_errors if run else {})
    if run is not None:
        run.connected = True
    if faults:
        raise UnreachableFaults(with_missing_containers(estate, inventory.get_active_hosts(), faults))


def host_faults(estate: Estate, active: Collection[PyinfraHost]) -> list[Fault]:
    """What is wrong with the hosts; their locks are left alone."""
    return [fault for _, faults in preflight.examine(estate, active, "").values() for fault in faults]


def queries(wanted: Mapping[str, Mapping[str, Desired]]) -> dict[str, list[StateQuery]]:
    """By host, the tasks whose state can be read with the preflight: all but the stack's, which asks Docker too."""
    return {
        name: [StateQuery(desired) for task, desired in tasks.items() if task != stack.TASK]
        for name, tasks in wanted.items()
    }


def start(estate: Estate, active: Collection[PyinfraHost], wanted: Mapping[str, Mapping[str, Desired]]) -> None:
    """The preflight of all hosts at once, and their locks, in one command each; a dry run takes none.

    Raises EstateFaults with every fault of every host.
    """
    run = current()
    gevent.spawn(commit)  # for the journal: git works while the hosts answer
    for target in active:
        watch(target)
    locking = run is not None and not run.options.dry
    head = take_script(run.me) if run is not None and locking else ""
    found = preflight.examine(estate, active, head, queries(wanted))
    faults = [fault for _, faults in found.values() for fault in faults]
    faults += _builder_faults(estate, found, wanted)
    faults += node_faults(estate, [target for target in active if TASK in wanted[target.name]])
    if run is None:
        _raise(faults)
        return
    run.plan = plan_digest(wanted)
    run.present = lambda: present_plan(run, estate, wanted, active)
    locks = Locks(run, estate.ssh)
    held = []
    for target, (lines, _) in found.items():
        run.host(target.name)
        if was_taken(lines):
            locks.took(target)
        elif locking and (fault := lock_fault(target.name, lines, estate.name)):
            held.append(fault)
        _name_interrupted(run, estate, target, lines)
        _warn(run, estate, target.name, lines)
    if active:
        register(next(iter(active)).state, Recorder(run, locks))
    if held:
        raise LockedFaults([*held, *faults])
    _raise(faults)


def _builder_faults(
    estate: Estate, active: Iterable[PyinfraHost], wanted: Mapping[str, Mapping[str, Desired]]
) -> list[Fault]:
    """What keeps this machine from building the generations that are due and are to be built here.

    A fleet that is as declared can be looked at from a machine that has no Nix.
    """
    here = []
    for target in active:
        host, desired = estate.hosts[target.name], wanted[target.name].get(edge.TASK)
        if isinstance(host, EdgeHost) and edge.built_on(host) == "controller" and desired:
            state = recalled(target).get(edge.TASK)
            here += [host.name] if state and edge.GENERATION in due(desired, state) else []
    mesh = estate.mesh
    return controller_faults(mesh, here) if mesh else []


def _raise(faults: list[Fault]) -> None:
    if faults:
        raise EstateFaults(faults)


def _name_interrupted(run: Run, estate: Estate, target: PyinfraHost, lines: list[str]) -> None:
    """Say that the run before did not end, and note it in the host's journal."""
    holder = interrupted(lines)
    if holder is None:
        return
    text = f"{target.name}: run {holder.run} of {holder.who} ({holder.purpose}) was interrupted; this one finishes it"
    run.notices.append(text)
    logger.warning(text)
    record = interrupted_record(holder, estate.name, target.name)
    # A run that lost its connection may have come back to say more
    read(target, write_script(holder.run, over=False), stdin=journal_text(record))


def _warn(run: Run, estate: Estate, name: str, lines: list[str]) -> None:
    """Say that the host's backups were not proven lately, or that services run which are declared no more."""
    host = estate.hosts[name]
    texts = []
    if isinstance(host, StackHost) and host.backups:
        texts.append(warning(name, host.backups, lines, time.time()))
    if project := preflight.former_project(host):
        texts.append(former(name, project, lines))
    for text in filter(None, texts):
        run.notices.append(text)
        logger.warning(text)


def fault_table(faults: Collection[Fault]) -> "Table":
    """All faults of all hosts, for a person at a terminal."""
    from rich.table import Table  # only now: importing it takes longer than a round trip

    table = Table("where", "what is wrong", "what to do", title=f"{len(faults)} faults, nothing was changed")
    for fault in sorted(faults):
        table.add_row(fault.path, fault.fault, fault.remedy)
    return table


def refused(error: EstateFaults) -> str:
    """Note how the run ends; returns what pyinfra is to say of it."""
    run = current()
    if run is not None:
        codes = {UnreachableFaults: ExitCode.UNREACHABLE, LockedFaults: ExitCode.LOCKED}
        refuse(run, list(error.faults), codes.get(type(error), ExitCode.REFUSED))
    if not sys.stderr.isatty():
        return str(error)
    from rich.console import Console

    Console(stderr=True, highlight=False).print(fault_table(error.faults))
    return f"refused: {len(error.faults)} faults (above), nothing was changed"
