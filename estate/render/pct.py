"""A container as Proxmox's tools take it: the words of `pct create` and `pct set` (pve-docs, pct.1)."""

from collections.abc import Mapping, Sequence

from estate.models.host import HomelabHost
from estate.models.proxmox import GIB, MIB, Mount

TAG = "estate"
"""Marks containers that are declared here, in Proxmox's own interface."""
HOT = frozenset(
    ("cores", "description", "hostname", "memory", "onboot", "protection", "startup", "swap", "tags", "net0")
)
"""What a running container takes at once (pve-container src/PVE/LXC/Config.pm, vmconfig_hotplug_pending)."""


def pairs(text: str) -> dict[str, str]:
    """A property string as a mapping: "a=1,b=2"; a leading value without a key is called "volume"."""
    found = {}
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        found.update({key: value} if equals else {"volume": key})
    return found


def property_string(values: Mapping[str, str]) -> str:
    """The reverse."""
    return ",".join(value if key == "volume" else f"{key}={value}" for key, value in values.items())


def net(host: HomelabHost) -> dict[str, str]:
    """Its interface, without what Proxmox adds (hwaddr, type)."""
    network = host.network
    words = {
        "name": network.name,
        "bridge": network.bridge,
        "firewall": "1",
        "gw": network.gateway,
        "ip": f"{host.address}/{network.prefix}",
    }
    return words | ({"tag": str(network.vlan)} if network.vlan is not None else {})


def mount(item: Mount) -> dict[str, str]:
    """A mount point; the volume of one that is yet to be made is STORAGE:GIB."""
    volume = item.source or f"{item.storage}:{(item.size or 0) // GIB}"
    words = {"volume": volume, "mp": item.path}
    words |= {"backup": "1"} if item.backup else {}
    return words | ({"ro": "1"} if item.read_only else {})


def settings(host: HomelabHost) -> dict[str, str]:
    """Every option that `pct set` can give it later, in a fixed order; empty: not set at all."""
    return {
        "hostname": host.name,
        "cores": str(host.cores),
        "memory": str(host.resources.memory // MIB),
        "swap": str(host.swap // MIB),
        "net0": property_string(net(host)),
        "nameserver": host.nameserver,
        "searchdomain": host.search_domain or "",
        "features": ",".join(f"{feature}=1" for feature in sorted(host.features)),
        "onboot": str(int(host.start_at_boot)),
        "startup": host.start.text,
        "protection": str(int(host.protection)),
        "timezone": host.timezone,
        "tags": TAG,
        "description": host.description,
    }


def options(values: Mapping[str, str]) -> tuple[str, ...]:
    """Words of a command line: --key value."""
    return tuple(word for key, value in values.items() for word in (f"--{key}", value))


def create(host: HomelabHost, template: str) -> tuple[str, ...]:
    """`pct create`, of a template's file name."""
    values = {key: value for key, value in settings(host).items() if value}
    values |= {
        "rootfs": f"{host.rootfs.storage}:{host.rootfs.size // GIB}",
        "unprivileged": str(int(host.unprivileged)),
    }
    values |= {f"mp{index}": property_string(mount(item)) for index, item in enumerate(host.mounts)}
    return ("pct", "create", str(host.vmid), f"{host.template_storage}:vztmpl/{template}", *options(values))


def change(vmid: int, values: Mapping[str, str], delete: Sequence[str] = ()) -> tuple[str, ...]:
    """`pct set`, with options to take away."""
    words = ("pct", "set", str(vmid), *options(values))
    return (*words, "--delete", ",".join(delete)) if delete else words
