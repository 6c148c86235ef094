"""Containers by way of their nodes: what there is of them, their host keys, and how one is destroyed."""

import shlex
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from estate.facts.proxmox import TIMEOUT, parsed, read_script
from estate.inventory import Estate
from estate.known_hosts import address, pinned, with_keys
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.models.host import HomelabHost, ProxmoxHost
from estate.operations.proxmox import steps_script
from estate.plan.change import Change
from estate.plan.proxmox_state import Guest, PveState
from estate.plan.step import Step
from estate.remote import run_as_root
from estate.render.proxmox import containers_of
from estate.render.shell import PATH
from estate.run.current import Run
from estate.run.lock import fence, lock_fault, take_lock_script
from estate.run.options import Options
from estate.secrets.sealed import write_private

DESTROY_TIMEOUT = 300
_NO_LOCK = 98
"""Our exit code when somebody else has the node."""
_KEY = "ssh-ed25519 "


@dataclass(frozen=True)
class Learned:
    """A container's host key, learned through its node: pinned, and whether that is news."""

    name: str
    key: str
    before: frozenset[str]

    @property
    def is_new(self) -> bool:
        """Whether another key was pinned, or none."""
        return self.before != {self.key}


def nodes_of(estate: Estate) -> dict[str, ProxmoxHost]:
    """The Proxmox nodes. Raises EstateFaults when there are none."""
    found = {name: host for name, host in estate.hosts.items() if isinstance(host, ProxmoxHost)}
    if not found:
        raise EstateFaults([Fault(f"inventories/{estate.name}", "has no Proxmox node", "put one in the group proxmox")])
    return found


def read_node(estate: Estate, node: ProxmoxHost) -> PveState:
    """The node's state, asked over SSH; `error` says why there is none."""
    try:
        outcome = run_as_root(
            node.name, estate.ssh[node.name], read_script(node, containers_of(estate.hosts)), timeout=TIMEOUT
        )
    except EstateFaults as error:
        return PveState(error=error.faults[0].fault)
    if outcome.code != 0:
        return PveState(error=outcome.stderr.strip()[-300:] or f"exit code {outcome.code}")
    return parsed(outcome.stdout.splitlines())


def read_nodes(estate: Estate) -> dict[str, PveState]:
    """Every node's state, asked all at once."""
    nodes = nodes_of(estate)
    with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
        return dict(zip(nodes, pool.map(lambda node: read_node(estate, node), nodes.values()), strict=True))


def chosen(estate: Estate, names: Iterable[str]) -> list[HomelabHost]:
    """The containers of these names; of none, all. Raises EstateFaults for unknown ones."""
    known = {host.name: host for host in containers_of(estate.hosts)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise EstateFaults([Fault(n, "no such container", did_you_mean(n, known or ["none"])) for n in unknown])
    return [known[name] for name in names] or list(known.values())


def host_key(host: HomelabHost, states: Mapping[str, PveState]) -> str:
    """The ed25519 key that the container itself has. Raises EstateFaults when its node cannot tell."""
    for name, state in states.items():
        guest = state.guests.get(host.vmid) if not state.error else None
        if guest is None or guest.node != state.node:
            continue
        if guest.name != host.name:
            raise EstateFaults(
                [Fault(host.name, f"VMID {host.vmid} is {guest.name} on {name}", "declare another vmid")]
            )
        keys = (
            [key for key in state.inside[host.vmid].host_keys if key.startswith(_KEY)]
            if host.vmid in state.inside
            else []
        )
        if keys:
            return keys[0]
        raise EstateFaults([Fault(host.name, f"is {guest.status}, and has no host key to show", "`estate homelab up`")])
    said = ", ".join(f"{name}: {state.error or 'not there'}" for name, state in states.items())
    raise EstateFaults([Fault(host.name, f"is on no node that answers ({said})", "`estate homelab up`")])


def learn(estate: Estate, hosts: Iterable[HomelabHost], states: Mapping[str, PveState]) -> list[Learned]:
    """Pin the containers' host keys, as their nodes read them from inside: never from the network.

    Raises EstateFaults with every container whose key cannot be had; the others are pinned.
    """
    found: list[Learned] = []
    faults: list[Fault] = []
    for host in hosts:
        try:
            key = host_key(host, states)
        except EstateFaults as error:
            faults += error.faults
            continue
        found.append(_pin(estate, host, key))
    if faults:
        raise EstateFaults(faults, aftermath=f", {len(found)} keys pinned")
    return found


def _pin(estate: Estate, host: HomelabHost, key: str) -> Learned:
    ssh = estate.ssh[host.name]
    path, where = Path(ssh.known_hosts), address(ssh)
    text = path.read_text() if path.exists() else ""
    learned = Learned(host.name, key, frozenset(pinned(text, where)))
    if learned.is_new:
        write_private(path, with_keys(text, where, {key}).encode())
    return learned


def located(name: str, states: Mapping[str, PveState]) -> tuple[str, Guest]:
    """The node that a container of this name is on. Raises EstateFaults when it is on none, or on several."""
    found = [
        (node, guest)
        for node, state in states.items()
        for guest in state.guests.values()
        if guest.node == state.node and guest.name == name and guest.kind == "lxc"
    ]
    unknown = [Fault(node, state.error, "see docs/homelab.md") for node, state in states.items() if state.error]
    if len(found) == 1:
        return found[0]
    if found:
        where = ", ".join(f"{guest.vmid} on {node}" for node, guest in found)
        raise EstateFaults([Fault(name, f"is the name of several containers ({where})", "use pct destroy on the node")])
    names = {guest.name for state in states.values() for guest in state.guests.values() if guest.kind == "lxc"}
    raise EstateFaults([Fault(name, "is on no node that answers", did_you_mean(name, names or ["none"])), *unknown])


def destroy_script(guest: Guest) -> str:
    """Stops a container and destroys it, if it is still the one that was asked about."""
    vmid = str(guest.vmid)
    commands: list[tuple[str, ...]] = [("pct", "set", vmid, "--protection", "0")]
    commands += [("pct", "stop", vmid)] if guest.status == "running" else []
    commands += [("pct", "destroy", vmid, "--purge", "1")]
    # Between the question and now another container may have got the number
    same = f"[ \"$(pct config {vmid} | sed -n 's/^hostname: //p')\" = {shlex.quote(guest.name)} ]"
    check = f"{same} || {{ echo 'VMID {vmid} is another container by now' >&2; exit 1; }}\n"
    step = Step(Change("container", f"{guest.name} ({vmid})", "delete"), tuple(commands))
    return f"export {PATH}\n{check}{steps_script([step])}"


def destroy(estate: Estate, node: str, guest: Guest) -> None:
    """Destroy a container with its disks, backup jobs and firewall, while nobody deploys to its node.

    Raises EstateFaults.
    """
    run = Run(Options(), estate.name, f"estate homelab destroy {guest.name}")
    script = take_lock_script(run.me, _NO_LOCK) + fence(run.id) + destroy_script(guest)
    outcome = run_as_root(node, estate.ssh[node], script, timeout=DESTROY_TIMEOUT)
    if outcome.code == _NO_LOCK and (held := lock_fault(node, outcome.stdout.splitlines(), estate.name)):
        raise EstateFaults([held])
    if outcome.code != 0:
        fault = outcome.stderr.strip()[-300:] or f"exit code {outcome.code}"
        raise EstateFaults([Fault(f"{node}/{guest.name}", fault, "see the node's task log")], aftermath="")
