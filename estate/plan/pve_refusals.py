"""Why a Proxmox node is not touched at all: what would fail half way, or lose something."""

from collections.abc import Iterator, Sequence

from estate.models.faults import Fault, did_you_mean
from estate.models.host import HomelabHost, ProxmoxHost
from estate.models.proxmox import GIB
from estate.plan.pct import mounted, size_of
from estate.plan.proxmox import leads, storage_identity
from estate.plan.proxmox_state import Guest, PveState, Values
from estate.plan.templates import chosen
from estate.render.pct import pairs

QUORUM = (
    "without a quorum /etc/pve is read-only: bring the other node back, or add a QDevice (docs/homelab.md);"
    " we never lower the expected votes by ourselves"
)


def refusals(node: ProxmoxHost, declared: Sequence[HomelabHost], state: PveState) -> list[Fault]:
    """Everything that keeps a node from being changed, all at once; nothing is asked of the node for it."""
    if state.error:
        return [Fault(f"{node.name}/proxmox", state.error, "see docs/homelab.md, Adoption")]
    if state.node != node.name:
        fault = f"the node calls itself {state.node}: its name is what the API and its cluster know it by"
        return [Fault(f"{node.name}/proxmox", fault, "give it that name in the inventory")]
    if not state.quorate:
        return [Fault(f"{node.name}/proxmox/quorum", 'pvecm status says not "Quorate: Yes"', QUORUM)]
    return [
        *_storages(node, state),
        *_realms(node, state),
        *(fault for host in declared for fault in _container(node, host, state)),
        *_space(node, declared, state),
    ]


def _storages(node: ProxmoxHost, state: PveState) -> Iterator[Fault]:
    for storage in node.storages if leads(node, state) else ():
        there = state.storages.get(storage.name)
        path = f"{node.name}/proxmox/storages/{storage.name}"
        if there is None:
            continue
        if there.get("type") != storage.kind:
            yield Fault(path, f"is a {there.get('type')} storage, declared is {storage.kind}", "choose another name")
            continue
        for key, value in storage_identity(storage).items():
            if there.get(key) != value:
                remedy = (
                    f"it cannot be changed: `pvesm remove {storage.name}` on the node (its files stay), or another name"
                )
                yield Fault(path, f"{key} is {there.get(key)}, declared is {value}", remedy)


def _realms(node: ProxmoxHost, state: PveState) -> Iterator[Fault]:
    for realm in node.realms if leads(node, state) else ():
        there = state.realms.get(realm.name)
        if there is None:
            continue
        path = f"{node.name}/proxmox/realms/{realm.name}"
        if there.get("type") != "openid":
            yield Fault(path, f"is a realm of type {there.get('type')}", "choose another name")
        elif there.get("username-claim", realm.username_claim) != realm.username_claim:
            fault = f"username-claim is {there['username-claim']}, declared is {realm.username_claim}; it is fixed"
            yield Fault(path, fault, f"declare what it is, or `pveum realm delete {realm.name}` on the node")


def _container(node: ProxmoxHost, host: HomelabHost, state: PveState) -> Iterator[Fault]:
    path, guest = f"{node.name}/containers/{host.name}", state.guests.get(host.vmid)
    if guest is None:
        if host.node == node.name:
            yield from _new(path, host, state)
        return
    if guest.node != state.node:
        return
    if guest.kind != "lxc" or (guest.name and guest.name != host.name):
        fault = f"VMID {host.vmid} is {'virtual machine' if guest.kind != 'lxc' else 'container'} {guest.name} already"
        remedy = (
            f"another vmid; or, if it is the same one: `pct set {host.vmid} --hostname {host.name}` on {state.node}"
        )
        yield Fault(path, fault, remedy)
        return
    if guest.lock:
        remedy = f"wait for the task; if none runs: `pct unlock {host.vmid}` on {state.node}"
        remedy += ", and destroy a container that was only half made" if guest.lock == "create" else ""
        yield Fault(path, f"is locked ({guest.lock})", remedy)
    if host.node != state.node and state.nodes.get(host.node) != "online":
        fault = f"is to move to {host.node}, which is {state.nodes.get(host.node, 'no node of this cluster')}"
        yield Fault(path, fault, "bring that node back, or declare the container where it is")
    yield from _unchangeable(path, host, guest, state.configs.get(host.vmid, {}))


def _new(path: str, host: HomelabHost, state: PveState) -> Iterator[Fault]:
    if not chosen(host.template, state):
        families = {name.split("_")[0] for name in (*state.available, *state.downloaded)}
        close = did_you_mean(host.template, families) if families else "`pveam update` on the node"
        yield Fault(f"{path}/template", f"{host.template} is not to be had", close)


def _unchangeable(path: str, host: HomelabHost, guest: Guest, there: Values) -> Iterator[Fault]:
    if there.get("unprivileged", "0") != str(int(host.unprivileged)):
        fault = f"is {'' if host.unprivileged else 'un'}privileged; that is decided when a container is made"
        yield Fault(f"{path}/unprivileged", fault, "declare what it is, or restore it from a backup with pct restore")
    rootfs = there.get("rootfs", "")
    storage = pairs(rootfs).get("volume", "").partition(":")[0]
    if storage and storage != host.rootfs.storage:
        remedy = f"`pct move-volume {host.vmid} rootfs {host.rootfs.storage}` while it is stopped, or declare {storage}"
        yield Fault(f"{path}/rootfs", f"lies on {storage}, declared is {host.rootfs.storage}", remedy)
    sizes = {"rootfs": (size_of(rootfs), host.rootfs.size)}
    for item in host.mounts:
        if item.size and (key := mounted(there, item.path)):
            sizes[item.path] = (size_of(there[key]), item.size)
    for name, (now, wanted) in sizes.items():
        if now > wanted:
            fault = f"{name} is {now / GIB:g} GiB, declared is {wanted / GIB:g}; a disk never shrinks"
            yield Fault(f"{path}/rootfs" if name == "rootfs" else f"{path}/mounts", fault, f"declare {now / GIB:g}g")


def _space(node: ProxmoxHost, declared: Sequence[HomelabHost], state: PveState) -> Iterator[Fault]:
    """Storages that have no room for what is to be made or grown."""
    needed: dict[str, list[tuple[str, int]]] = {}
    for host in declared:
        here, new = state.here(host.vmid), host.vmid not in state.guests and host.node == node.name
        now = size_of(state.configs.get(host.vmid, {}).get("rootfs", "")) if here else 0
        if (here or new) and host.rootfs.size > now:
            needed.setdefault(host.rootfs.storage, []).append((host.name, host.rootfs.size - now))
    for name, wants in needed.items():
        status, path = state.storage_status.get(name), f"{node.name}/storages/{name}"
        if status is None and name in {storage.name for storage in node.storages}:
            continue  # this run adds it
        if status is None:
            yield Fault(path, "is no storage of this node", did_you_mean(name, state.storage_status or ["local"]))
        elif not status.active:
            yield Fault(path, "is not active", f"`pvesm status` on {node.name}")
        elif sum(size for _, size in wants) > status.free:
            who = ", ".join(f"{host} {size / GIB:g}" for host, size in wants)
            fault = f"{sum(size for _, size in wants) / GIB:g} GiB are wanted ({who}), {status.free / GIB:.1f} are free"
            yield Fault(path, fault, "free some, or declare smaller disks")
