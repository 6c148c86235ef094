"""A far controller: a network namespace whose only way to the lab leads over the slow road of delay.py.

    controller namespace ── TUN ══ delay ══ TUN ── road namespace ── veth ── the lab's bridge

The road answers ARP for the controller's address, so there is no address translation, and the machine's own
routes and firewall are not touched. Two namespaces and one interface are all there is to take away.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.docker import Docker
from lab.errors import LabError
from lab.hosts import MAINFRAME, NETWORK
from lab.paths import REPO
from lab.run import have, run

CONTROLLER_SPACE = "estate-bench"
ROAD_SPACE = "estate-bench-road"
LEG = "estate-bench"
NEAR, FAR = "bench-near", "bench-far"
CONTROLLER_ADDRESS = "10.99.0.250"
ROAD_ADDRESS = "10.99.0.251"
ROAD_MAC = "02:00:0a:63:00:fb"
"""Always the same: hosts remember the controller's address with it from one road to the next."""
_PROBE = """
import socket, sys, time
best = 9.0
for _ in range(5):
    start = time.monotonic()
    socket.create_connection((sys.argv[1], 22), timeout=8).close()
    best = min(best, time.monotonic() - start)
print(best * 1000)
"""


def require_means() -> None:
    """Raise unless this process can make namespaces and TUN devices."""
    if os.geteuid() != 0:
        raise LabError("simulating latency needs root", "run the bench as root, or with `--rtt 0`")
    if not have("ip"):
        raise LabError("the command `ip` is missing", "install the package iproute2")
    if not Path("/dev/net/tun").exists():
        raise LabError("this machine has no /dev/net/tun", "run the bench with `--rtt 0`")


def inside(space: str, *argv: str) -> list[str]:
    """A command line that runs in a namespace."""
    return ["ip", "netns", "exec", space, *argv]


def setup(bridge: str) -> list[list[str]]:
    """The commands that lay the road, once the TUN devices are there."""
    settings = {"ip_forward": 1, "conf/leg/proxy_arp": 1, "neigh/leg/proxy_delay": 0}
    writes = "; ".join(f"echo {value} >/proc/sys/net/ipv4/{key}" for key, value in settings.items())
    return [
        ["ip", "netns", "add", CONTROLLER_SPACE],
        ["ip", "netns", "add", ROAD_SPACE],
        ["ip", "link", "add", LEG, "type", "veth", "peer", "name", "leg", "address", ROAD_MAC, "netns", ROAD_SPACE],
        ["ip", "link", "set", LEG, "master", bridge, "up"],
        ["ip", "link", "set", NEAR, "netns", CONTROLLER_SPACE],
        ["ip", "link", "set", FAR, "netns", ROAD_SPACE],
        ["ip", "-n", ROAD_SPACE, "address", "add", f"{ROAD_ADDRESS}/24", "dev", "leg"],
        ["ip", "-n", ROAD_SPACE, "link", "set", "leg", "up"],
        ["ip", "-n", ROAD_SPACE, "link", "set", FAR, "up"],
        ["ip", "-n", ROAD_SPACE, "route", "add", f"{CONTROLLER_ADDRESS}/32", "dev", FAR],
        inside(ROAD_SPACE, "sh", "-ec", writes),
        ["ip", "-n", CONTROLLER_SPACE, "link", "set", "lo", "up"],
        ["ip", "-n", CONTROLLER_SPACE, "address", "add", f"{CONTROLLER_ADDRESS}/32", "dev", NEAR],
        ["ip", "-n", CONTROLLER_SPACE, "link", "set", NEAR, "up"],
        ["ip", "-n", CONTROLLER_SPACE, "route", "add", "default", "dev", NEAR],
    ]


def clear() -> None:
    """Take the road away, or what an earlier run may have left of it."""
    run(["ip", "netns", "delete", CONTROLLER_SPACE], check=False)
    run(["ip", "netns", "delete", ROAD_SPACE], check=False)
    run(["ip", "link", "delete", LEG], check=False)


def _bridge(docker: Docker) -> str:
    template = '{{or (index .Options "com.docker.network.bridge.name") ""}} {{.Id}}'
    *named, identity = docker.run("network", "inspect", "--format", template, NETWORK).stdout.split()
    return named[0] if named else f"br-{identity[:12]}"


@contextmanager
def link(docker: Docker, rtt: int) -> Iterator[tuple[str, ...]]:
    """A way to the lab with a round trip of so many milliseconds: the words before a command that takes it.

    Zero is the machine's own way, without namespaces. Raises LabError when the road is not as slow as asked.
    """
    if rtt == 0:
        yield ()
        return
    require_means()
    clear()
    argv = [sys.executable, "-m", "lab.bench.delay", NEAR, FAR, str(rtt / 2)]
    # A session of its own: Ctrl-C is for us, who end it by closing its input
    with subprocess.Popen(
        argv, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise LabError("the TUN devices cannot be made", "look at the message above")
            for command in setup(_bridge(docker)):
                run(command)
            _verify(rtt)
            yield tuple(inside(CONTROLLER_SPACE))
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=10)
            clear()


def _verify(rtt: int) -> None:
    probe = run(inside(CONTROLLER_SPACE, sys.executable, "-c", _PROBE, MAINFRAME), timeout=60)
    measured = float(probe.stdout)
    if not rtt <= measured <= rtt * 1.1 + 10:
        raise LabError(f"a connection takes {measured:.0f} ms instead of {rtt} ms", "let the machine come to rest")
