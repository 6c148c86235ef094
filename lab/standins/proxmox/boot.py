"""What a node does when it boots: its bridge, its share of /etc/pve, its containers."""

import re
import subprocess
import time
from pathlib import Path
from typing import Any

from lab.standins.proxmox import BANNER, certs, cluster, guests, power, realms, storage, users
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.pmxcfs import BACKING

BRIDGE = "vmbr0"
SHUTDOWN_SECONDS = 20
QUORUM_SECONDS = 60
"""How long a node that boots waits for the others before it leaves its containers off."""
INTERFACES = """# {banner}
auto lo
iface lo inet loopback

iface eth0 inet manual

auto vmbr0
iface vmbr0 inet static
\taddress {address}
\tgateway {gateway}
\tbridge-ports eth0
\tbridge-stp off
\tbridge-fd 0
"""


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def bridge() -> None:
    """Put eth0 into vmbr0, which takes its addresses; nothing when it is there."""
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        return
    hardware = Path("/sys/class/net/eth0/address").read_text().strip()
    address = re.findall(r"inet (\S+)", _ip("-4", "-o", "addr", "show", "dev", "eth0"))[0]
    gateway = re.findall(r"default via (\S+)", _ip("route"))[0]
    _ip("link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0")
    _ip("link", "set", BRIDGE, "address", hardware)
    _ip("addr", "flush", "dev", "eth0")
    _ip("link", "set", "eth0", "master", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    _ip("addr", "add", address, "dev", BRIDGE)
    _ip("route", "add", "default", "via", gateway)
    text = INTERFACES.format(banner=BANNER, address=address, gateway=gateway)
    Path("/etc/network").mkdir(exist_ok=True)
    Path("/etc/network/interfaces").write_text(text)


def _visible_proc() -> None:
    """Let unprivileged containers mount a proc: one that hides nothing has to be in sight."""
    target = Path("/run/pve-standin/proc")
    target.mkdir(parents=True, exist_ok=True)
    if not target.is_mount():
        subprocess.run(["mount", "-t", "proc", "-o", "nosuid,nodev,noexec", "proc", str(target)], check=True)


def share(node: Node, settings: dict[str, Any]) -> None:
    """Put into the shared folder what a cluster has, and this node's host key; before it is mounted."""
    BACKING.mkdir(parents=True, exist_ok=True)
    nodes = tuple(cluster.Member(one["name"], one["id"], one["address"]) for one in settings["nodes"])
    initial = {
        "corosync.conf": cluster.render(settings["name"], nodes),
        "storage.cfg": storage.INITIAL,
        "domains.cfg": realms.INITIAL,
        users.CONFIG: users.INITIAL,
    }
    for name, text in initial.items():
        path = BACKING / name
        if not path.exists():
            path.write_text(text)
    for folder in ("priv/lock", "firewall", f"nodes/{node.name}/lxc", f"nodes/{node.name}/qemu-server"):
        (BACKING / folder).mkdir(parents=True, exist_ok=True)
    key = " ".join(Path("/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])
    (BACKING / f"nodes/{node.name}/ssh_known_hosts").write_text(f"{node.name} {key}\n")
    _root_key(node)
    certs.ensure(BACKING, node.name, next(one.address for one in nodes if one.name == node.name))


def _root_key(node: Node) -> None:
    """The key by which the nodes log in to each other as root, as on any cluster."""
    private = Path("/root/.ssh/id_rsa")
    private.parent.mkdir(mode=0o700, exist_ok=True)
    if not private.exists():
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{node.name}", "-f", str(private)], check=True
        )
    public = private.with_suffix(".pub").read_text()
    shared = BACKING / "priv/authorized_keys"
    known = shared.read_text() if shared.exists() else ""
    mine = [line for line in known.splitlines() if not line.endswith(f" root@{node.name}")]
    shared.write_text("".join(f"{line}\n" for line in [*mine, public.strip()]))
    link = Path("/root/.ssh/authorized_keys")
    if not link.is_symlink():
        link.unlink(missing_ok=True)
        link.symlink_to("/etc/pve/priv/authorized_keys")


def boot(node: Node) -> None:
    """Everything before the node's services."""
    print(BANNER)
    settings = node.machine()["cluster"]
    _visible_proc()
    bridge()
    with node.shared_lock("boot"):
        share(node, settings)


def start_guests(node: Node) -> None:
    """Start what starts with the node, in its order, with its delays."""
    mine = sorted(vmid for vmid, where in guests.owners(node).items() if where == node.name)
    configs = [(vmid, guests.load(node, vmid)) for vmid in mine]
    wanted = [(vmid, config) for vmid, config in configs if config.values.get("onboot") == "1"]
    deadline = time.monotonic() + QUORUM_SECONDS
    while wanted and not node.quorate() and time.monotonic() < deadline:
        time.sleep(1)
    for vmid, config in sorted(wanted, key=lambda item: power.start_order(item[1])):
        if node.backend.usage(vmid):
            continue
        try:
            if config.lock:
                guests.set_lock(node, vmid, "")
            power.start(node, vmid)
            node.say(f"CT {vmid} started")
        except PveError as fault:
            node.say(f"CT {vmid} not started: {fault.message}")


def stop_guests(node: Node) -> None:
    """End every container of the node, the last first."""
    mine = [row["vmid"] for row in guests.here(node) if row["status"] == "running"]
    for vmid in sorted(mine, key=lambda one: power.start_order(guests.load(node, one)), reverse=True):
        try:
            power.stop(node, vmid, SHUTDOWN_SECONDS, skip_lock=True)
        except PveError as fault:
            node.say(f"CT {vmid} not stopped: {fault.message}")
