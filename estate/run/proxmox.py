"""What the beginning of a run asks of Proxmox nodes: whether they may be changed, and which containers there are."""

from collections.abc import Collection, Iterable
from dataclasses import replace

import gevent
from pyinfra import logger
from pyinfra.api.host import Host as PyinfraHost

from estate.facts.proxmox import recall
from estate.facts.quiet import ReadError, read
from estate.inventory import Estate
from estate.models.faults import Fault
from estate.models.host import HomelabHost, ProxmoxHost
from estate.plan.pct import undeclared
from estate.plan.proxmox import inactive
from estate.plan.proxmox_state import Guest
from estate.plan.pve_refusals import refusals
from estate.render.proxmox import containers_of
from estate.run.current import current


def node_faults(estate: Estate, targets: Collection[PyinfraHost]) -> list[Fault]:
    """Why nodes may not be changed, of all of them; guests that are not declared are named."""
    containers = containers_of(estate.hosts)

    def ask(target: PyinfraHost) -> list[Fault]:
        node = estate.hosts[target.name]
        if not isinstance(node, ProxmoxHost):
            return []
        state = recall(target, node, containers)
        _notice(target.name, undeclared(containers, state))
        for storage in inactive(node, state):
            _warn(f"{target.name}: storage {storage} is not active: no backup is written to it until it is back")
        return refusals(node, containers, state)

    greenlets = [gevent.spawn(ask, target) for target in targets]
    gevent.joinall(greenlets, raise_error=True)
    return [fault for greenlet in greenlets for fault in greenlet.value or []]


def _notice(name: str, guests: Iterable[Guest]) -> None:
    found = [f"{guest.name} ({guest.vmid})" for guest in guests]
    if found:
        _warn(f"{name}: not declared, left alone: {', '.join(found)}")


def _warn(text: str) -> None:
    logger.warning(text)
    if (run := current()) is not None:
        run.notices.append(text)


def with_missing_containers(estate: Estate, active: Iterable[PyinfraHost], faults: list[Fault]) -> list[Fault]:
    """The faults of unreachable hosts, where a connected node has no such container saying just that."""
    listed: dict[str, set[str]] = {}
    targets = {target.name: target for target in active}
    found = []
    for fault in faults:
        host = estate.hosts.get(fault.path)
        if isinstance(host, HomelabHost) and host.node in targets:
            if host.node not in listed:
                listed[host.node] = _vmids(targets[host.node])
            if listed[host.node] and str(host.vmid) not in listed[host.node]:
                text = f"container {host.vmid} does not exist on {host.node}"
                remedy = f"`estate homelab up {estate.file}` makes it"
                fault = replace(fault, fault=text, remedy=remedy)
        found.append(fault)
    return found


def _vmids(node: PyinfraHost) -> set[str]:
    """VMIDs of a node's containers, and "none" so that an empty list is told from no answer."""
    try:
        # Prints nothing at all, not even its head, when there are none (facts/homelab-vps.md, 1.2)
        return {"none", *read(node, "command -v pct >/dev/null && pct list | awk 'NR > 1 {print $1}'", timeout=30)}
    except ReadError:
        return set()
