"""Whether the Proxmox nodes can carry what is declared for them, before a node hears of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from estate.models.faults import Fault, did_you_mean
from estate.models.host import HomelabHost, Host, ProxmoxHost
from estate.models.proxmox import GIB, Mount
from estate.models.stack import Stack

_NODE = "group_data/proxmox"


def check(hosts: Mapping[str, Host], stacks: Mapping[str, Stack], inventory: str) -> list[Fault]:
    """Every fault between nodes and containers.

    + stacks: by host; a container that has one runs Docker
    + inventory: its name, for the path of a fault
    """
    nodes = {name: host for name, host in hosts.items() if isinstance(host, ProxmoxHost)}
    containers = [host for host in hosts.values() if isinstance(host, HomelabHost)]
    return [
        *_vmids(containers, inventory),
        *(fault for host in containers for fault in _container(host, nodes, stacks, inventory)),
        *(fault for node in nodes.values() for fault in _capacity(node, containers, inventory)),
        *_nodes(nodes, containers),
    ]


def _where(host: HomelabHost, inventory: str) -> str:
    return f"inventories/{inventory}/{host.name}"


def _vmids(containers: Sequence[HomelabHost], inventory: str) -> Iterator[Fault]:
    owners: dict[int, str] = {}
    taken = {host.vmid for host in containers}
    for host in containers:
        if host.vmid in owners:
            free = next(number for number in range(100, 1_000_000_000) if number not in taken)
            yield Fault(
                f"{_where(host, inventory)}/vmid", f"{host.vmid} is also {owners[host.vmid]}'s", f"{free} is free"
            )
        owners.setdefault(host.vmid, host.name)


def _container(
    host: HomelabHost, nodes: Mapping[str, ProxmoxHost], stacks: Mapping[str, Stack], inventory: str
) -> Iterator[Fault]:
    where = _where(host, inventory)
    if host.node not in nodes:
        yield Fault(f"{where}/node", f'"{host.node}" is no declared node', did_you_mean(host.node, nodes or ["none"]))
    elif not nodes[host.node].adopted:
        yield Fault(f"{where}/node", f"{host.node} is not adopted: nobody would make it", "adopt the node first")
    if host.name in stacks:
        missing = [feature for feature in ("nesting", "keyctl") if feature not in host.features]
        if missing and host.unprivileged:
            yield Fault(f"{where}/features", f"Docker needs {' and '.join(missing)} in a container", "add it")
    if not host.unprivileged and "keyctl" in host.features:
        yield Fault(f"{where}/features", "keyctl is for unprivileged containers", "leave it out")
    if not host.running and not host.optional:
        yield Fault(f"{where}/running", "a deploy would wait for it in vain", "declare it optional, too")
    if host.cores != host.resources.cpus:
        yield Fault(f"{where}/resources/cpus", f"{host.resources.cpus:g} is not whole", "Proxmox gives whole cores")
    paths = Counter(item.path for item in host.mounts)
    for path in (path for path, count in paths.items() if count > 1):
        yield Fault(f"{where}/mounts", f"{path} is mounted twice", "one mount point a path")
    yield from _network(host, where)


def _network(host: HomelabHost, where: str) -> Iterator[Fault]:
    network = IPv4Network(host.network.network)
    if IPv4Address(host.network.gateway) not in network:
        fault = f"gateway {host.network.gateway} is outside of {network}"
        yield Fault(f"{where}/network/gateway", fault, "name one in the container's own network")
    try:
        address = IPv4Address(host.address)
    except ValueError:
        fault = f'"{host.address}" is no IPv4 address: it is what the container itself gets'
        yield Fault(f"{where}/ssh_hostname", fault, "write the address, not a name")
        return
    if address not in network:
        yield Fault(
            f"{where}/ssh_hostname", f"{address} is outside of {network}", "choose one inside, or another network"
        )
    elif address in (network.network_address, network.broadcast_address):
        yield Fault(f"{where}/ssh_hostname", f"{address} is the network's own", "choose another")
    elif host.address == host.network.gateway:
        yield Fault(f"{where}/ssh_hostname", f"{address} is the gateway's", "choose another")


def _capacity(node: ProxmoxHost, containers: Sequence[HomelabHost], inventory: str) -> Iterator[Fault]:
    """What is given away against what there is; every figure is in the fault."""
    mine = [host for host in containers if host.node == node.name]
    where = f"inventories/{inventory}/{node.name}"
    cores = {host.name: float(host.cores) for host in mine}
    memory = {host.name: host.resources.memory / GIB for host in mine}
    yield from _over(f"{where}/resources/cpus", "cores", cores, node.resources.cpus)
    yield from _over(f"{where}/resources/memory", "GiB of memory", memory, node.resources.memory / GIB)
    disks: dict[str, dict[str, float]] = {}
    for host in mine:
        volumes = [(host.rootfs.storage, host.rootfs.size), *((m.storage, m.size) for m in host.mounts)]
        for storage, size in volumes:
            if storage is not None and size is not None:
                found = disks.setdefault(storage, {})
                found[host.name] = found.get(host.name, 0) + size / GIB
    for storage, given in disks.items():
        if storage in node.capacity:
            yield from _over(f"{where}/capacity/{storage}", "GiB of disk", given, node.capacity[storage] / GIB)
        else:
            fault = f"{', '.join(given)} lie on it, and how much it holds is not declared"
            yield Fault(f"{where}/capacity/{storage}", fault, f"add it: `pvesm status` on {node.name} says how much")


def _over(where: str, what: str, given: Mapping[str, float], there: float) -> Iterator[Fault]:
    total = sum(given.values())
    if total > there:
        who = ", ".join(f"{name} {amount:g}" for name, amount in given.items())
        yield Fault(where, f"{total:g} of {there:g} {what} are given to containers ({who})", "move or shrink one")


def figures(node: ProxmoxHost, containers: Sequence[HomelabHost]) -> str:
    """What is given away, for a reader: "14 of 32 cores, 19 of 96 GiB, 200 of 400 GiB on local-lvm"."""
    mine = [host for host in containers if host.node == node.name]
    disks: Counter[str] = Counter()
    for host in mine:
        disks[host.rootfs.storage] += host.rootfs.size
    parts = [
        f"{sum(host.cores for host in mine)} of {node.resources.cpus:g} cores",
        f"{sum(host.resources.memory for host in mine) / GIB:g} of {node.resources.memory / GIB:g} GiB",
        *(
            f"{size / GIB:g} of {node.capacity.get(name, 0) / GIB:g} GiB on {name}"
            for name, size in sorted(disks.items())
        ),
    ]
    return ", ".join(parts)


def _nodes(nodes: Mapping[str, ProxmoxHost], containers: Sequence[HomelabHost]) -> Iterator[Fault]:
    shared: dict[str, tuple[str, object]] = {}
    for node in nodes.values():
        if node.leader not in nodes:
            fault = f'"{node.leader}" is no node of this inventory'
            yield Fault(f"{_NODE}/leader", fault, did_you_mean(node.leader, nodes))
        for key in ("storages", "backup_jobs", "realms", "access", "guest_firewall"):
            name, value = shared.setdefault(key, (node.name, getattr(node, key)))
            if value != getattr(node, key):
                fault = f"{node.name} and {name} declare it differently, and their cluster has only one"
                yield Fault(f"{_NODE}/{key}", fault, "declare it for the group")
        yield from _jobs(node, containers)
        yield from _access(node)


def _jobs(node: ProxmoxHost, containers: Sequence[HomelabHost]) -> Iterator[Fault]:
    by_name = {host.name: host for host in containers}
    storages = {storage.name: storage for storage in node.storages}
    for job in node.backup_jobs:
        where = f"{_NODE}/backup_jobs/{job.name}"
        if job.storage in storages and "backup" not in storages[job.storage].content:
            yield Fault(f"{where}/storage", f"{job.storage} does not take backups", "add backup to its content")
        for name in job.hosts:
            if name not in by_name:
                yield Fault(f"{where}/hosts", f'"{name}" is no container', did_you_mean(name, by_name or ["none"]))
        covered = [host for host in containers if not job.hosts or host.name in job.hosts]
        for path, name in ((item.path, host.name) for host in covered for item in host.mounts if _left_out(item)):
            fault = f"{path} of {name} is in no vzdump: a mount point is not, and a bind mount never"
            yield Fault(where, fault, "backup on a volume; or no_backup, with what keeps its data")


def _left_out(item: Mount) -> bool:
    return not item.backup and not item.no_backup


def _access(node: ProxmoxHost) -> Iterator[Fault]:
    access = node.access
    known = {token.full for token in access.tokens}
    for acl in access.acl:
        if acl.token is not None and acl.token not in known:
            yield Fault(
                f"{_NODE}/access/acl", f"{acl.token} is no declared token", did_you_mean(acl.token, known or ["none"])
            )
    for token in access.tokens:
        if token.privilege_separation and all(acl.token != token.full for acl in access.acl):
            fault = f"{token.full} may do nothing: a token has no rights but those of its own access list"
            yield Fault(f"{_NODE}/access/tokens", fault, "add an acl for it (facts/homelab-vps.md, 1.7)")
    realms = {realm.name for realm in node.realms} | {"pam", "pve"}
    for user in access.users:
        if user.name.rpartition("@")[2] not in realms:
            yield Fault(
                f"{_NODE}/access/users", f"{user.name} is of no known realm", f"one of {', '.join(sorted(realms))}"
            )
    if sum(realm.default for realm in node.realms) > 1:
        yield Fault(f"{_NODE}/realms", "more than one is the default", "one of them")
