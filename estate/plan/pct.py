"""Containers of a Proxmox node: declared against there. Nothing here destroys or shrinks."""

from collections.abc import Iterator, Sequence

from estate.models.base import parse_size
from estate.models.host import HomelabHost, ProxmoxHost
from estate.models.proxmox import GIB, Mount
from estate.plan.change import Change, PveAction
from estate.plan.proxmox_state import Guest, PveState, Values
from estate.plan.step import Step
from estate.plan.templates import chosen
from estate.render import pct
from estate.render.pct import HOT, pairs, property_string

_DEFAULTS = {"memory": "512", "swap": "512", "onboot": "0", "protection": "0"}
"""What an option is when the configuration does not name it (pve-docs, pct.conf.5)."""
_LEFT_WHEN_EMPTY = ("description", "timezone")


def label(host: HomelabHost) -> str:
    """A container's name in a plan."""
    return f"{host.name} ({host.vmid})"


def size_of(volume: str) -> int:
    """The size in bytes that a volume's property string names; 0: none."""
    size = parse_size(pairs(volume).get("size", 0))
    return size if isinstance(size, int) else 0


def _change(host: HomelabHost, action: str, *why: str) -> Change:
    found: PveAction | str = action
    return Change("container", label(host), found, why)  # type: ignore[arg-type]


def _merged(key: str, wanted: str, there: str) -> str:
    """The value to set: with what of the present one is not ours to decide (a MAC address, other people's tags)."""
    match key:
        case "net0":
            kept = {k: v for k, v in pairs(there).items() if k != "tag"}
            return property_string(dict(sorted((kept | pairs(wanted)).items())))
        case "features":
            kept = {k: v for k, v in pairs(there).items() if k not in ("nesting", "keyctl", "fuse")}
            return property_string(dict(sorted((kept | pairs(wanted)).items())))
        case "tags":
            return ";".join(sorted({*filter(None, there.replace(",", ";").split(";")), *wanted.split(";")}))
    return wanted


def _same(key: str, wanted: str, there: str) -> bool:
    if key in ("net0", "features", "startup"):
        return pairs(wanted) == pairs(there)
    if key == "tags":
        return set(wanted.split(";")) == set(filter(None, there.replace(",", ";").split(";")))
    return wanted == there.strip()


def differences(host: HomelabHost, there: Values) -> tuple[dict[str, str], tuple[str, ...]]:
    """Options to set, and options to take away."""
    values: dict[str, str] = {}
    delete: list[str] = []
    for key, declared in pct.settings(host).items():
        now = there.get(key, _DEFAULTS.get(key, ""))
        wanted = _merged(key, declared, now)
        if _same(key, wanted, now) or (not wanted and key in _LEFT_WHEN_EMPTY):
            continue
        if wanted:
            values[key] = wanted
        else:
            delete.append(key)
    return values, tuple(delete)


def mounted(there: Values, path: str) -> str:
    """The key, such as mp0, under which something is mounted at the path; empty: nothing is."""
    return next((k for k, v in there.items() if k.startswith("mp") and pairs(v).get("mp") == path), "")


def _mount_value(item: Mount, now: str) -> str:
    """A mount point that is there, with the declared options and its own volume."""
    kept = {k: v for k, v in pairs(now).items() if k not in ("ro", "backup")}
    wanted = {k: v for k, v in pct.mount(item).items() if k != "volume" or item.source}
    return property_string(kept | wanted)


def _why(key: str, values: Values, there: Values) -> str:
    """A readable reason: "memory 2048 to 4096", "net0: ip 10.20.0.41/16 to 10.20.0.51/16"."""
    now = there.get(key, _DEFAULTS.get(key, ""))
    wanted = values.get(key, "")
    if key in ("net0", "features") or key.startswith("mp"):
        before, after = pairs(now), pairs(wanted)
        parts = [
            f"{name} {before.get(name, 'none')} to {after.get(name, 'none')}"
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]
        return f"{key}: {', '.join(parts)}"
    return f"{key} {now or 'none'} to {wanted or 'none'}"


def _sets(host: HomelabHost, there: Values) -> tuple[dict[str, str], tuple[str, ...], list[Step]]:
    """Everything that `pct set` changes, and its step."""
    values, delete = differences(host, there)
    free = (f"mp{index}" for index in range(256) if f"mp{index}" not in there)
    for item in host.mounts:
        key = mounted(there, item.path)
        wanted = _mount_value(item, there[key]) if key else property_string(pct.mount(item))
        if not key or pairs(wanted) != pairs(there[key]):
            values[key or next(free)] = wanted
    if not values and not delete:
        return values, delete, []
    why = [_why(key, values, there) for key in (*values, *delete)]
    return values, delete, [Step(_change(host, "update", *why), (pct.change(host.vmid, values, delete),))]


def _resizes(host: HomelabHost, there: Values) -> Iterator[Step]:
    wanted = {"rootfs": host.rootfs.size}
    wanted |= {mounted(there, m.path): m.size for m in host.mounts if m.size and mounted(there, m.path)}
    for key, size in wanted.items():
        now = size_of(there.get(key, ""))
        if now and size > now:
            words = ("pct", "resize", str(host.vmid), key, f"{size // GIB}G")
            yield Step(_change(host, "resize", f"{key} {now / GIB:g} to {size / GIB:g} GiB"), (words,))


def _adjust(host: HomelabHost, guest: Guest, state: PveState) -> Iterator[Step]:
    there = state.configs.get(guest.vmid, {})
    values, delete, steps = _sets(host, there)
    yield from steps
    yield from _resizes(host, there)
    cold = [key for key in (*values, *delete) if key not in HOT and (not key.startswith("mp") or key in there)]
    running, vmid = guest.status == "running", str(host.vmid)
    moves = host.node != state.node
    if moves:
        words = ("pct", "migrate", vmid, host.node, *(("--restart", "1") if running else ()))
        yield Step(_change(host, "migrate", f"{state.node} to {host.node}"), (words,))
    elif running and host.running and cold:
        why = f"{', '.join(cold)} cannot be changed while it runs"
        yield Step(_change(host, "restart", why), (("pct", "reboot", vmid),))
    if running and not host.running:
        yield Step(_change(host, "stop", "declared as not running"), (("pct", "shutdown", vmid),))
    elif not running and host.running and not moves:
        yield Step(_change(host, "start", f"is {guest.status}"), (("pct", "start", vmid),))


def _create(host: HomelabHost, state: PveState) -> Iterator[Step]:
    template = chosen(host.template, state) or host.template
    network = f"{host.address}/{host.network.prefix}"
    disk = f"{host.rootfs.size / GIB:g} GiB on {host.rootfs.storage}"
    size = f"{host.cores} cores, {host.resources.memory / GIB:g} GiB, {disk}"
    yield Step(_change(host, "create", f"on {host.node}", size, network, template), (pct.create(host, template),))
    if host.running:
        yield Step(_change(host, "start", "new"), (("pct", "start", str(host.vmid)),))


def containers(node: ProxmoxHost, declared: Sequence[HomelabHost], state: PveState) -> list[Step]:
    """The steps for every declared container that is on this node, or is to be made here, in their start order.

    A container that is on another node is changed and moved by that one.
    """
    steps: list[Step] = []
    for host in declared:
        guest = state.here(host.vmid)
        if guest is not None:
            steps += _adjust(host, guest, state)
        elif host.vmid not in state.guests and host.node == node.name:
            steps += _create(host, state)
    return steps


def to_bootstrap(node: ProxmoxHost, declared: Sequence[HomelabHost], state: PveState) -> list[tuple[HomelabHost, str]]:
    """Containers of this node into which nobody could log in, and why."""
    found: list[tuple[HomelabHost, str]] = []
    for host in declared:
        if host.node != node.name or not host.running:
            continue
        guest, inside = state.here(host.vmid), state.inside.get(host.vmid)
        missing = sorted({user.name for user in host.admins} - (inside.admins if inside else frozenset()))
        if guest is None and host.vmid not in state.guests:
            found.append((host, "new"))
        elif guest is not None and guest.status != "running":
            found.append((host, "was not running"))
        elif inside is not None and not inside.sshd:
            found.append((host, "has no sshd"))
        elif inside is not None and missing:
            found.append((host, f"{', '.join(missing)} cannot log in"))
    return found


def undeclared(declared: Sequence[HomelabHost], state: PveState) -> list[Guest]:
    """Guests of this node that the estate does not know: they are named and left alone."""
    known = {host.vmid for host in declared}
    return [guest for vmid, guest in sorted(state.guests.items()) if guest.node == state.node and vmid not in known]
