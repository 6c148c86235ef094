"""pve-firewall's daemon: brings the files into force every ten seconds, or at once after a SIGHUP.

As the real one it is asked for a restart without being waited for, so that `status` may still see pending changes
(pve-firewall, src/PVE/Service/pve_firewall.pm). A cycle without a changed file starts no process.
"""

import os
import signal
import socket
from pathlib import Path

from lab.standins.proxmox import BANNER, cluster, firewall
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.firewall_nft import TABLE, Cluster, Ruleset, UnfilteredError, ruleset
from lab.standins.proxmox.node import Node

UNIT = "pve-firewall.service"
CYCLE_SECONDS = 10
_SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT}


def local_network(node: Node) -> str:
    """The network that the node's address is in; the lab's have 24 bits."""
    address = next((one.address for one in cluster.members(node) if one.name == node.name), "")
    return address.rpartition(".")[0] + ".0/24" if address else "127.0.0.0/8"


def wanted(node: Node, files: firewall.Files) -> Ruleset:
    """What the files ask for. Raises PveError for what cannot be filtered by."""
    others = [one.address for one in cluster.members(node) if one.name != node.name]
    try:
        return ruleset(files, Cluster(local_network(node), others))
    except UnfilteredError as fault:
        raise PveError(f"{BANNER}: nothing is changed, it does not filter by {fault}") from None


def _pid_file(node: Node) -> Path:
    return node.root / "run/pve-firewall.pid"


def running(node: Node) -> bool:
    """Whether the daemon is there."""
    path = _pid_file(node)
    return path.exists() and Path("/proc", path.read_text().strip()).exists()


def pending(node: Node, files: firewall.Files) -> bool:
    """Whether the kernel has other rules than the files ask for."""
    mark, there = wanted(node, files).mark, node.backend.table(TABLE)
    return mark not in there if mark else bool(there)


def status(node: Node) -> str:
    """What `pve-firewall status` prints."""
    files = firewall.read(node, guests=False)
    state = "running" if running(node) else "stopped"
    waits = " (pending changes)" if state == "running" and pending(node, files) else ""
    return f"Status: {'enabled' if files.cluster.enabled else 'disabled'}/{state}{waits}"


def compile_all(node: Node) -> tuple[list[str], list[str]]:
    """What `pve-firewall compile` prints, and the faults that it warns of."""
    files = firewall.read(node)
    found = wanted(node, files)
    printed = [f"ipset cmdlist: {name}" for name in sorted(files.cluster.sets)]
    for name, parsed in files.named().items():
        rules = [*parsed.rules, *(rule for group in parsed.groups.values() for rule in group)]
        printed += [f"{name}: {rule.line}" for rule in rules]
    printed += [*found.faults, found.text] if found.text else []
    printed.append("detected changes" if pending(node, files) else "no changes")
    printed += [] if files.cluster.enabled else ["firewall disabled"]
    return printed, [fault for parsed in files.named().values() for fault in parsed.faults]


class Daemon:
    """Brings a node's files into force."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._seen: tuple[str, ...] = ()

    def restart(self) -> None:
        """The next cycle does its work even when no file has changed."""
        self._seen = ()

    def cycle(self) -> None:
        """Load the rules when a file has changed. Raises PveError and OSError, and then leaves them as they are."""
        node = self.node
        if not any(node.pve.iterdir()):
            raise PveError("/etc/pve is not there")
        texts = tuple(map(node.read, (firewall.CLUSTER, f"nodes/{node.name}/host.fw", "corosync.conf")))
        if texts == self._seen:
            return
        found = wanted(node, firewall.read(node, guests=False))
        node.backend.nft(_replaced(found.text))
        node.say(f"{found.mark} in force" if found.text else "nothing is filtered")
        for fault in found.faults:
            node.say(fault)
        self._seen = texts

    def stop(self) -> None:
        """Remove the rules."""
        self.node.backend.nft(_replaced(""))


def _replaced(text: str) -> str:
    """In one transaction: the table, which there need not be, goes, and the new one comes."""
    return f"table inet {TABLE} {{ }}\ndelete table inet {TABLE}\n{text}"


def _ready() -> None:
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", address.replace("@", "\0", 1))


def serve(node: Node) -> None:
    """Run until the service is ended; then the node is unprotected."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    node.say(f"{BANNER}: filters what comes in to the node itself, and no container's traffic")
    _pid_file(node).parent.mkdir(parents=True, exist_ok=True)
    _pid_file(node).write_text(f"{os.getpid()}\n")
    daemon = Daemon(node)
    while True:
        try:
            daemon.cycle()
        except (PveError, OSError) as fault:
            node.say(f"status update error: {fault}")
        _ready()
        got = signal.sigtimedwait(_SIGNALS, CYCLE_SECONDS)
        if got is None:
            continue
        if got.si_signo != signal.SIGHUP:
            break
        daemon.restart()
    daemon.stop()
    _pid_file(node).unlink(missing_ok=True)
