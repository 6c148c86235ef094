"""LXC's own configuration of a container, from Proxmox's."""

from pathlib import Path

from lab.standins.proxmox import propstr, setup
from lab.standins.proxmox.backend import SHIFT
from lab.standins.proxmox.ctconf import Config

UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
_LEGACY = "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
"""Debian 13's systemd wants to be told on a machine with cgroup v1 (facts/lab-recipe.md)."""


def render(vmid: int, config: Config, root: Path, unified: bool | None = None) -> str:
    """The file's text, without the limits."""
    unified = UNIFIED.exists() if unified is None else unified
    values = config.values
    features = propstr.FEATURES.parse(values.get("features", ""))
    lines = ["lxc.include = /usr/share/lxc/config/common.conf"]
    if values.get("unprivileged") == "1":
        lines += ["lxc.include = /usr/share/lxc/config/userns.conf"]
        lines += [f"lxc.idmap = {kind} 0 {SHIFT} 65536" for kind in "ug"]
    lines += [
        "lxc.arch = amd64",
        f"lxc.uts.name = {values.get('hostname', f'CT{vmid}').partition('.')[0]}",
        f"lxc.rootfs.path = dir:{root}",
        "lxc.apparmor.profile = unconfined",
        f"lxc.tty.max = {values.get('tty', '2')}",
        "lxc.environment = TERM=linux",
        f"lxc.init.cmd = {values.get('entrypoint', '/sbin/init')}{'' if unified else ' ' + _LEGACY}",
        "lxc.mount.auto =",
        "lxc.mount.auto = proc:mixed sys:mixed cgroup:rw:force",
        "lxc.monitor.unshare = 0",
    ]
    if features.get("nesting") == "1":
        lines += [
            "lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0",
            "lxc.mount.entry = sys dev/.lxc/sys sysfs create=dir,optional 0 0",
        ]
    if features.get("keyctl") != "1" and values.get("unprivileged") == "1":
        lines.append("lxc.seccomp.profile = /usr/share/estate-lab/no-keyctl.seccomp")
    if features.get("fuse") == "1":
        lines.append("lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file 0 0")
    lines += _networks(vmid, config)
    lines += [f"{key} = {value}" for key, value in config.current.raw]
    return "\n".join(lines) + "\n"


def _networks(vmid: int, config: Config) -> list[str]:
    lines: list[str] = []
    nets = setup.nets(config.values)
    if not nets:
        return ["lxc.net.0.type = empty"]
    for key, net in nets.items():
        number = key.removeprefix("net")
        prefix = f"lxc.net.{number}"
        lines += [
            f"{prefix}.type = veth",
            f"{prefix}.veth.pair = veth{vmid}i{number}",
            f"{prefix}.name = {net['name']}",
        ]
        lines += [f"{prefix}.hwaddr = {net['hwaddr']}"] if "hwaddr" in net else []
        lines += [f"{prefix}.link = {net['bridge']}"] if "bridge" in net else []
        lines += [f"{prefix}.veth.vlan.id = {net['tag']}"] if "tag" in net and "bridge" not in net else []
        lines += [] if net.get("link_down") == "1" else [f"{prefix}.flags = up"]
        lines += [f"{prefix}.mtu = {net['mtu']}"] if "mtu" in net else []
        if "/" in net.get("ip", ""):
            lines.append(f"{prefix}.ipv4.address = {net['ip']}")
            lines += [f"{prefix}.ipv4.gateway = {net['gw']}"] if "gw" in net else []
    return lines
