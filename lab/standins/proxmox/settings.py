"""`pct set`: what a running container takes at once, and what waits for its next start."""

import re
from typing import Any

from lab.standins.proxmox import guests, options, power, propstr, volumes
from lab.standins.proxmox.ctconf import Config
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node


def change(node: Node, values: dict[str, Any]) -> None:
    """Change a container's settings. Raises PveError, and then nothing is changed."""
    vmid = values.pop("vmid")
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        if "lock" not in values and "lock" not in options.split(values.get("delete", "")):
            guests.check_lock(config)
        volumes.check_digest(config, values)
        values.pop("digest", None)
        for name in options.split(values.pop("revert", "")):
            config.pending.values.pop(name, None)
        delete = options.split(values.pop("delete", ""))
        _refuse(vmid, config, values, delete)
        running = node.backend.usage(vmid) is not None
        old = guests.limits(node, config), dict(config.values)
        for name in delete:
            _delete(config, name, running)
        for name, value in values.items():
            _set(node, vmid, config, name, str(value), running)
        if running:
            _hot(node, vmid, config, *old)
        guests.save(node, vmid, config)


def _refuse(vmid: int, config: Config, values: dict[str, Any], delete: list[str]) -> None:
    for name in delete:
        if name not in options.SETTINGS:
            raise ParamError({"delete": f"unknown option '{name}'"})
        if name in values:
            raise ParamError({"delete": f"Cannot set and delete property '{name}' at the same time!"})
        if fault := options.cannot_delete(name):
            raise PveError(fault)
        if re.fullmatch(r"mp\d+|unused\d+", name):
            guests.check_protection(config, f"can't remove CT {vmid} drive '{name}'")
    for name, value in values.items():
        unchanged = name == "unprivileged" and str(value) == config.values.get(name, "0")
        if not unchanged and (fault := options.cannot_change(name)):
            raise PveError(fault)
        if re.fullmatch(r"mp\d+|rootfs", name):
            guests.check_protection(config, f"can't update CT {vmid} drive '{name}'")


def _delete(config: Config, name: str, running: bool) -> None:
    config.pending.values.pop(name, None)
    if name == "description":
        config.current.description = ""
    elif name in config.values:
        if running and name not in options.FAST | options.LIVE and not name.startswith("net"):
            waiting = options.split(config.pending.values.get("delete", ""))
            config.pending.values["delete"] = ",".join(dict.fromkeys([*waiting, name]))
            return
        removed = config.values.pop(name)
        if re.fullmatch(r"mp\d+", name) and not removed.startswith("/"):
            free = next(n for n in range(256) if f"unused{n}" not in config.values)
            config.values[f"unused{free}"] = removed.partition(",")[0]


def _set(node: Node, vmid: int, config: Config, name: str, value: str, running: bool) -> None:
    if name == "description":
        config.current.description = value + "\n" if value else ""
        return
    if name.startswith("net"):
        old = propstr.NET.parse(config.values[name]) if name in config.values else {}
        new = propstr.NET.parse(value)
        if "hwaddr" not in new and "hwaddr" in old:
            new["hwaddr"] = old["hwaddr"]
        value = volumes.with_address(propstr.NET.format(new))
    elif re.fullmatch(r"mp\d+", name):
        value, _ = volumes.allocate(node, vmid, name, value, guests.owner(config))
        if running and name not in config.values:
            power.plug(node, vmid, value, guests.owner(config))
            config.values[name] = value
            return
    elif name == "rootfs":
        value = propstr.ROOTFS.format(propstr.ROOTFS.parse(value))
    elif name == "tags":
        value = ";".join(dict.fromkeys(sorted(options.split(value))))
    target = config.current
    if running and name not in options.FAST | options.LIVE and not name.startswith("net"):
        target = config.pending
    if target is config.current:
        config.pending.values.pop(name, None)
    if config.values.get(name) == value:
        config.pending.values.pop(name, None)
    elif name == "unprivileged" and value == "0":
        config.values.pop(name, None)
    else:
        target.values[name] = value


def _hot(node: Node, vmid: int, config: Config, old_limits: Any, old: dict[str, str]) -> None:
    """Let the running container have its new limits and addresses."""
    wanted = guests.limits(node, config)
    if wanted != old_limits:
        node.backend.limit(vmid, wanted)
    for name in sorted(set(old) | set(config.values)):
        if name.startswith("net") and old.get(name) != config.values.get(name):
            _readdress(node, vmid, old.get(name, ""), config.values.get(name, ""))


def _readdress(node: Node, vmid: int, old: str, new: str) -> None:
    """Move a running interface's address and gateway. Another bridge, tag or hardware address needs a restart here."""
    before = propstr.NET.parse(old) if old else {}
    after = propstr.NET.parse(new) if new else {}
    if not before or not after:
        return
    name, script = after["name"], []
    if before.get("ip") != after.get("ip") or before.get("gw") != after.get("gw"):
        script.append(f"ip -4 addr flush dev {name}")
        script += [f"ip addr add {after['ip']} dev {name}"] if "/" in after.get("ip", "") else []
        script += [f"ip route replace default via {after['gw']} dev {name}"] if "gw" in after else []
    if script and node.backend.attach(vmid, ["sh", "-c", " && ".join(script)], keep_env=False):
        raise PveError(f"unable to change the address of CT {vmid}")
