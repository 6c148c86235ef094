"""A node with a kernel's packet filter of its own, in a network namespace, and another from which it is asked.

Run as a program it is a tool or the daemon of that node: ROOT pve-firewall WORDS, or ROOT serve.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from lab.standins.proxmox import cluster, firewall_daemon, tools
from lab.standins.proxmox.lxc import Lxc
from lab.standins.proxmox.node import Node

NAME, ADDRESS, OTHER, CONTROLLER, MONITORING = "dl380p", "10.99.0.31", "10.99.0.32", "10.99.0.1", "10.99.0.45"
STRANGER = "198.51.100.9"
PORTS = (22, 80, 3128, 5000, 8006, 9100, 60001)
COROSYNC, PING = 5405, 0
MEMBERS = (cluster.Member(NAME, 1, ADDRESS), cluster.Member("i5", 2, OTHER))
SECONDS = 2
"""How long silence has to last to be one: the kernel itself answers for a listener."""

LISTEN = """
import select, socket, sys
ports = [int(word) for word in sys.argv[2:]]
kept = [socket.create_server(("", port)) for port in ports]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("", int(sys.argv[1])))
print("ready", flush=True)
while True:
    data, sender = udp.recvfrom(64)
    udp.sendto(data, sender)
"""
ASK = """
import errno, json, select, socket, struct, sys, time
source, address, seconds, udp_port, *ports = sys.argv[1:]
asked = {}
for port in map(int, ports):
    one = socket.socket()
    one.bind((source, 0))
    one.setblocking(False)
    one.connect_ex((address, port))
    asked[one] = port
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((source, 0))
udp.connect((address, int(udp_port)))
udp.send(b"x")
ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
ping.bind((source, 0))
ping.connect((address, 0))
ping.send(struct.pack("!BBHHH", 8, 0, 0xF7FE, 1, 0))
asked[ping], asked[udp] = 0, int(udp_port)
said, end = {}, time.monotonic() + float(seconds)
while len(said) < len(asked) and time.monotonic() < end:
    waiting = [one for one in asked if asked[one] not in said]
    answering = [one for one in (udp, ping) if one in waiting]
    connecting = [one for one in waiting if one not in answering]
    read, write, _ = select.select(answering, connecting, [], max(0, end - time.monotonic()))
    for one in write:
        said[asked[one]] = errno.errorcode.get(one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "open")
    for one in read:
        try:
            said[asked[one]] = "open" if one.recv(64) else ""
        except OSError as fault:
            said[asked[one]] = errno.errorcode[fault.errno]
print(json.dumps(said))
"""


class Machine(Lxc):
    """The real packet filter; systemd's part is a signal."""

    def __init__(self, root: Path) -> None:
        self.pid = root / "run/pve-firewall.pid"

    def service(self, verb: str, unit: str) -> int:
        """To the daemon itself."""
        assert unit == firewall_daemon.UNIT
        os.kill(int(self.pid.read_text()), {"stop": signal.SIGTERM, "reload-or-restart": signal.SIGHUP}[verb])
        return 0


def possible() -> bool:
    """Whether there are namespaces and nft to test with."""
    inside = "ip link set lo up && nft add table inet x"
    try:
        return not subprocess.run(["unshare", "-Urn", "sh", "-c", inside], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


class FirewallNode:
    """The node, and the rest of its world."""

    def __init__(self, root: Path) -> None:
        self.root, self.pve = root, root / "etc/pve"
        for folder in ("firewall", f"nodes/{NAME}"):
            (self.pve / folder).mkdir(parents=True)
        (self.pve / "corosync.conf").write_text(cluster.render("homelab", MEMBERS))
        self.children: list[subprocess.Popen[str]] = []
        self.node = self._hold(["unshare", "-Urn"])
        self.world = self._hold([*self._in(self.node), "unshare", "-n"])
        self._join()
        self._started(self.node, [sys.executable, "-c", LISTEN, str(COROSYNC), *map(str, PORTS)])

    def _in(self, pid: int) -> list[str]:
        return ["nsenter", f"--target={pid}", "--user", "--net", "--preserve-credentials"]

    def _hold(self, words: list[str]) -> int:
        child = subprocess.Popen([*words, "sh", "-c", "echo $$; exec sleep 600"], stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        assert child.stdout is not None
        return int(child.stdout.readline())

    def _join(self) -> None:
        for pid, line in (
            (self.node, f"link add vmbr0 type veth peer name eth0 netns {self.world}"),
            (self.node, "link set lo up"),
            (self.node, "link set vmbr0 up"),
            (self.node, f"address add {ADDRESS}/24 dev vmbr0"),
            (self.node, "route add 198.51.100.0/24 dev vmbr0"),
            (self.world, "link set eth0 up"),
            *((self.world, f"address add {one}/24 dev eth0") for one in (CONTROLLER, OTHER, MONITORING, STRANGER)),
        ):
            subprocess.run([*self._in(pid), "ip", *line.split()], check=True)

    def _started(self, pid: int, argv: list[str]) -> subprocess.Popen[str]:
        child = subprocess.Popen([*self._in(pid), *argv], stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline()
        return child

    def write(self, cluster_fw: str, host_fw: str = "") -> None:
        """Put the node's two files in place, as the deploy does."""
        for name, text in (("firewall/cluster.fw", cluster_fw), (f"nodes/{NAME}/host.fw", host_fw)):
            (self.pve / f"{name}.new").write_text(text)
            (self.pve / f"{name}.new").replace(self.pve / name)

    def daemon(self, cycle: float = 600) -> subprocess.Popen[str]:
        """Start the daemon; its first line, the banner, is read."""
        return self._started(self.node, [sys.executable, __file__, str(self.root), "serve", str(cycle)])

    def tool(self, *words: str) -> str:
        """What `pve-firewall` prints on the node."""
        argv = [*self._in(self.node), sys.executable, __file__, str(self.root), "pve-firewall", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def ask(self, source: str) -> dict[int, str]:
        """How each port, and the node to a ping, answers somebody: "open", an error's name, or nothing at all."""
        argv = [sys.executable, "-c", ASK, source, ADDRESS, str(SECONDS), str(COROSYNC), *map(str, PORTS)]
        done = subprocess.run([*self._in(self.world), *argv], check=True, capture_output=True, text=True)
        return {int(port): said for port, said in json.loads(done.stdout).items()}

    def open(self, source: str) -> set[int]:
        """The ports that somebody gets an answer at."""
        return {port for port, said in self.ask(source).items() if said == "open"}

    def end(self) -> None:
        """Nothing is left of it: the children are the last in their namespaces."""
        for child in reversed(self.children):
            child.kill()
            child.wait()


def main(root: str, tool: str, *words: str) -> int:
    """Run the daemon or a tool on the node whose files are below a directory."""
    node = Node(NAME, Machine(Path(root)), Path(root), lambda address, port: True)
    if tool == "serve":
        firewall_daemon.CYCLE_SECONDS = float(words[0])
        firewall_daemon.serve(node)
        return 0
    return tools.pve_firewall(node, words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
