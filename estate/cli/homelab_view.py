"""What `estate homelab` prints: the table of containers, and declarations for those that nobody declared."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface

from rich.table import Table

from estate.homelab import nodes_of
from estate.inventory import Estate
from estate.models.faults import Fault
from estate.models.host import HomelabHost
from estate.models.proxmox import GIB
from estate.plan.pct import size_of, undeclared
from estate.plan.proxmox import inactive
from estate.plan.proxmox_state import Guest, PveState, Values
from estate.render.pct import pairs
from estate.render.proxmox import containers_of


def _used(used: int, given: int) -> str:
    return f"{used / GIB:.1f} of {given / GIB:g} GiB" if given else "-"


def _row(host: HomelabHost, guest: Guest | None) -> tuple[tuple[str, ...], list[Fault]]:
    given = (f"{host.cores}", f"{host.resources.memory / GIB:g} GiB", f"{host.rootfs.size / GIB:g} GiB")
    if guest is None:
        faults = [Fault(host.name, "does not exist", "`estate homelab up` makes it")]
        return (host.name, str(host.vmid), host.node, "[red]missing[/red]", *given), faults
    cores = f"{guest.cpu * guest.cores:.1f} of {guest.cores:g}"
    figures = (cores, _used(guest.memory_used, guest.memory), _used(guest.disk_used, guest.disk))
    faults = []
    if guest.node != host.node:
        faults.append(Fault(host.name, f"is on {guest.node}, declared for {host.node}", "`estate deploy` moves it"))
    if host.running and guest.status != "running":
        faults.append(Fault(host.name, f"is {guest.status}", "`estate homelab up` starts it"))
    if guest.lock:
        faults.append(Fault(host.name, f"is locked ({guest.lock})", "see the node's task log"))
    declared = (float(host.cores), host.resources.memory)
    if (guest.cores, guest.memory) != declared:
        fault = f"has {guest.cores:g} cores and {guest.memory / GIB:g} GiB, declared are {given[0]} and {given[1]}"
        faults.append(Fault(host.name, fault, "`estate deploy` changes it"))
    colour = "green" if guest.status == "running" else "red"
    return (host.name, str(host.vmid), guest.node, f"[{colour}]{guest.status}[/{colour}]", *figures), faults


def _known(vmid: int, states: Mapping[str, PveState]) -> Guest | None:
    """The guest as its own node knows it, or else as another one has heard of it."""
    here = [state.here(vmid) for state in states.values()]
    heard = [state.guests.get(vmid) for state in states.values()]
    return next((guest for guest in (*here, *heard) if guest is not None), None)


def status_table(estate: Estate, states: Mapping[str, PveState]) -> tuple[Table, list[Fault]]:
    """A row a container, declared or not, and everything that is not as declared."""
    table = Table("container", "vmid", "node", "state", "cores", "memory", "disk", title=f"Homelab of {estate.name}")
    faults = [Fault(name, state.error, "see whether it is up") for name, state in states.items() if state.error]
    faults += [
        Fault(name, "its cluster has no quorum: nothing can be changed", "bring the other node back (docs/homelab.md)")
        for name, state in states.items()
        if not state.error and not state.quorate
    ]
    faults += [
        Fault(f"{name}/storages/{storage}", "is not active", f"`pvesm status` on {name}")
        for name, node in nodes_of(estate).items()
        for storage in inactive(node, states[name])
    ]
    declared = containers_of(estate.hosts)
    for host in declared:
        guest = _known(host.vmid, states)
        silent = guest is None and host.node in states and states[host.node].error
        cells, found = _row(host, guest)
        if silent:
            cells, found = (*cells[:3], "[yellow]unknown[/yellow]", *cells[4:]), []
        table.add_row(*cells)
        faults += found
    for state in states.values():
        for guest in undeclared(declared, state):
            cores, memory = f"{guest.cores:g}", _used(guest.memory_used, guest.memory)
            what = f"{guest.status}, not declared"
            table.add_row(
                guest.name, str(guest.vmid), guest.node, what, cores, memory, _used(guest.disk_used, guest.disk)
            )
    return table, faults


def declaration(vmid: int, there: Values, node: str) -> tuple[str, dict[str, object]]:
    """A container as an inventory would declare it: its name, and its data."""
    net, rootfs = pairs(there.get("net0", "")), there.get("rootfs", "")
    address, _, prefix = net.get("ip", "").partition("/")
    data: dict[str, object] = {
        "ssh_hostname": address or "?",
        "vmid": vmid,
        "node": node,
        "resources": {"cpus": int(there.get("cores", "1")), "memory": f"{there.get('memory', '512')}m"},
        "swap": f"{there.get('swap', '512')}m",
        "rootfs": {"storage": pairs(rootfs).get("volume", "").partition(":")[0], "size": f"{size_of(rootfs) // GIB}g"},
        "network": {
            "name": net.get("name", "eth0"),
            "bridge": net.get("bridge", "vmbr0"),
            "network": str(IPv4Interface(net["ip"]).network) if prefix else "?",
            "gateway": net.get("gw", "?"),
            **({"vlan": int(net["tag"])} if "tag" in net else {}),
        },
        "features": [name for name in pairs(there.get("features", "")) if name in ("nesting", "keyctl", "fuse")],
        "nameserver": there.get("nameserver", ""),
        **({"search_domain": there["searchdomain"]} if "searchdomain" in there else {}),
        "timezone": there.get("timezone", ""),
        "unprivileged": there.get("unprivileged", "0") == "1",
        "protection": there.get("protection", "0") == "1",
        "start_at_boot": there.get("onboot", "0") == "1",
    }
    start = {key: int(value) for key, value in pairs(there.get("startup", "")).items() if value.isdigit()}
    mounts = [_mount(value) for key, value in sorted(there.items()) if key.startswith("mp")]
    return there.get("hostname", f"ct{vmid}"), data | ({"start": start} if start else {}) | (
        {"mounts": mounts} if mounts else {}
    )


def _mount(value: str) -> dict[str, object]:
    words = pairs(value)
    volume = words.get("volume", "")
    found: dict[str, object] = {"path": words.get("mp", "?")}
    if volume.startswith("/"):
        return found | {"source": volume, "no_backup": "?"}
    size = max(1, size_of(value) // GIB)
    return found | {"storage": volume.partition(":")[0], "size": f"{size}g", "backup": words.get("backup") == "1"}


def declarations(declared: Sequence[HomelabHost], states: Mapping[str, PveState]) -> str:
    """Lines for the inventory's group homelab; a "?" is for you to fill in."""
    lines = []
    for state in states.values():
        for guest in undeclared(declared, state):
            if guest.kind != "lxc":
                lines.append(f"# {guest.name} ({guest.vmid}) on {guest.node} is a virtual machine: not ours to declare")
                continue
            name, data = declaration(guest.vmid, state.configs.get(guest.vmid, {}), guest.node)
            lines.append(f'("{name}", {data!r}),')
    return "\n".join(lines) or "# every container on the nodes is declared"
