"""The cluster's containers: their configuration files, who owns which, what they do."""

import re
from typing import Any

from lab.standins.proxmox import ctconf, propstr
from lab.standins.proxmox.backend import SHIFT, Limits
from lab.standins.proxmox.ctconf import Config
from lab.standins.proxmox.errors import NOT_THERE, PveError
from lab.standins.proxmox.node import Node

MEMORY = 512
SWAP = 512


def owners(node: Node) -> dict[int, str]:
    """The node of every container."""
    found = {}
    for path in node.pve.glob("nodes/*/lxc/*.conf"):
        if re.fullmatch(r"\d+", path.stem):
            found[int(path.stem)] = path.parts[-3]
    return found


def name(node: Node, vmid: int) -> str:
    """A configuration's file, below /etc/pve."""
    return f"nodes/{node.name}/lxc/{vmid}.conf"


def exists(node: Node, vmid: int) -> bool:
    """Whether the container is this node's."""
    return (node.pve / name(node, vmid)).exists()


def load(node: Node, vmid: int) -> Config:
    """A container of this node. Raises PveError: of another node's too, as `pct` does."""
    if not exists(node, vmid):
        raise PveError(f"Configuration file '{name(node, vmid)}' does not exist", NOT_THERE)
    return ctconf.parse(node.read(name(node, vmid)))


def save(node: Node, vmid: int, config: Config) -> None:
    """Write it. Raises PveError without quorum."""
    node.write(name(node, vmid), ctconf.render(config))


def check_lock(config: Config) -> None:
    """Raise PveError when an operation holds the container."""
    if config.lock:
        raise PveError(f"CT is locked ({config.lock})")


def set_lock(node: Node, vmid: int, lock: str) -> Config:
    """Mark a container as held by an operation; an empty lock lets it go."""
    config = load(node, vmid)
    if lock:
        check_lock(config)
        config.values["lock"] = lock
    else:
        config.values.pop("lock", None)
    save(node, vmid, config)
    return config


def check_protection(config: Config, what: str) -> None:
    """Raise PveError when the container is protected."""
    if config.values.get("protection") == "1":
        raise PveError(f"{what} - protection mode enabled")


def limits(node: Node, config: Config) -> Limits:
    """What its configuration allows it: `cores` as processor time (the real ones are pinned to that many cores)."""
    values = config.values
    cores, quota = float(values.get("cores", 0)), float(values.get("cpulimit", 0))
    wanted = [number for number in (cores, quota) if number]
    unit = 1024**2
    memory, swap = int(values.get("memory", MEMORY)) * unit, int(values.get("swap", SWAP)) * unit
    return Limits(memory, swap, min(wanted) if wanted else 0)


def owner(config: Config) -> int:
    """The user ID on the node that is root in it."""
    return SHIFT if config.values.get("unprivileged") == "1" else 0


def state(node: Node, vmid: int, config: Config) -> dict[str, Any]:
    """A container of this node as `pvesh get /nodes/NODE/lxc` gives it."""
    use = node.backend.usage(vmid)
    allowed = limits(node, config)
    disk = propstr.ROOTFS.parse(config.values.get("rootfs", "volume=none")).get("size", "0")
    found: dict[str, Any] = {
        "vmid": vmid,
        "name": config.values.get("hostname", f"CT{vmid}"),
        "status": "running" if use else "stopped",
        "type": "lxc",
        "cpus": allowed.cores or node.machine()["cpus"],
        "cpu": 0,
        "maxmem": allowed.memory,
        "mem": use.memory if use else 0,
        "maxswap": allowed.swap,
        "swap": 0,
        "maxdisk": propstr.parse_size(disk),
        "disk": 0,
        "uptime": use.uptime if use else 0,
        "diskread": 0,
        "diskwrite": 0,
        "netin": 0,
        "netout": 0,
    }
    if use:
        found["pid"] = use.pid
    if config.lock:
        found["lock"] = config.lock
    if tags := config.values.get("tags"):
        found["tags"] = tags
    return found


def here(node: Node) -> list[dict[str, Any]]:
    """Every container of this node."""
    mine = sorted(vmid for vmid, where in owners(node).items() if where == node.name)
    return [state(node, vmid, load(node, vmid)) for vmid in mine]


def apply_pending(node: Node, vmid: int, config: Config) -> None:
    """Before a start: take what is pending into the current configuration."""
    if not config.pending.values:
        return
    config.current = config.coming()
    config.pending.values.clear()
    save(node, vmid, config)
