"""A farm of hosts without Docker: an OpenSSH server a host, in a network namespace, over a slow road.

    controller namespace ── TUN ══ delay ══ TUN ── farm namespace: 10.98.0.1, 10.98.0.2, …

Every sshd has a mount namespace of its own with an empty /run and /var/lib, so that locks, journals and state
are a host's own; programs, kernel and CPU are this machine's. It measures connections and commands: nothing
that changes a system may be deployed to it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from estate.render.ssh_policy import CIPHERS, HOST_KEYS, KEX, MACS
from lab.bench.link import inside, require_means
from lab.errors import LabError
from lab.paths import REPO
from lab.run import run

FARM_SPACE, CONTROLLER_SPACE = "estate-farm", "estate-farm-near"
NEAR, FAR = "farm-near", "farm-far"
_FIRST = IPv4Address("10.98.0.1")
_NETWORK, _CONTROLLER = "10.98.0.0/16", "10.98.255.254"
_START = (
    "mount --make-rprivate / && mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /run"
    ' && mkdir -p /run/sshd /run/lock && mount --bind /dev/null /root/.bashrc && exec /usr/sbin/sshd -D -e -f "$0"'
)
_READY = "Server listening on"


def address(number: int) -> str:
    """The address of a host, counted from 0."""
    return str(_FIRST + number)


def sshd_config(folder: Path, number: int) -> str:
    """What a host's sshd is told: our policy's algorithms, keys only."""
    lines = [
        f"ListenAddress {address(number)}",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/key.pub",
        "StrictModes no",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "UsePAM yes",
        "PrintMotd no",
        "MaxSessions 4",
        "PidFile none",
        f"KexAlgorithms {','.join(KEX)}",
        f"Ciphers {','.join(CIPHERS)}",
        f"MACs {','.join(MACS)}",
        f"HostKeyAlgorithms {','.join(HOST_KEYS)}",
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Farm:
    """Hosts that are up: host `node000` is at the first address, and so on."""

    folder: Path
    names: tuple[str, ...]

    @property
    def key(self) -> Path:
        """The private key that they let in, as root."""
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        """Their host keys."""
        return self.folder / "known_hosts"

    def address(self, name: str) -> str:
        """Where a host is."""
        return address(self.names.index(name))

    @contextmanager
    def road(self, rtt: int | Mapping[str, float]) -> Iterator[tuple[str, ...]]:
        """A way to the hosts: the words before a command that takes it.

        + rtt: milliseconds of a round trip, for all or by name; zero is the farm's own loopback
        """
        if rtt == 0:
            yield tuple(inside(FARM_SPACE))
            return
        argv = [sys.executable, "-m", "lab.bench.delay", NEAR, FAR, self._words(rtt)]
        with subprocess.Popen(
            argv, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            try:
                if process.stdout is None or process.stdout.readline() != b"ready\n":
                    raise LabError("the TUN devices cannot be made", "look at the message above")
                for command in _road_setup():
                    run(command)
                yield tuple(inside(CONTROLLER_SPACE))
            finally:
                if process.stdin is not None:
                    process.stdin.close()
                process.wait(timeout=10)
                run(["ip", "netns", "delete", CONTROLLER_SPACE], check=False)

    def _words(self, rtt: int | Mapping[str, float]) -> str:
        if isinstance(rtt, int):
            return str(rtt / 2)
        table = self.folder / "delays.json"
        table.write_text(json.dumps({self.address(name): value / 2 for name, value in rtt.items()}))
        return str(table)


def _road_setup() -> list[list[str]]:
    return [
        ["ip", "netns", "add", CONTROLLER_SPACE],
        ["ip", "link", "set", NEAR, "netns", CONTROLLER_SPACE],
        ["ip", "link", "set", FAR, "netns", FARM_SPACE],
        ["ip", "-n", FARM_SPACE, "link", "set", FAR, "up"],
        ["ip", "-n", FARM_SPACE, "route", "replace", _CONTROLLER, "dev", FAR, "src", address(0)],
        ["ip", "-n", CONTROLLER_SPACE, "link", "set", "lo", "up"],
        ["ip", "-n", CONTROLLER_SPACE, "address", "add", f"{_CONTROLLER}/32", "dev", NEAR],
        ["ip", "-n", CONTROLLER_SPACE, "link", "set", NEAR, "up"],
        ["ip", "-n", CONTROLLER_SPACE, "route", "add", _NETWORK, "dev", NEAR],
    ]


def _keys(folder: Path, names: tuple[str, ...]) -> None:
    for name in ("key", "host_key"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "estate-farm", "-f", str(folder / name)])
    public = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text("".join(f"{address(n)} {public}\n" for n in range(len(names))))


def _clear() -> None:
    run(["ip", "netns", "delete", CONTROLLER_SPACE], check=False)
    run(["ip", "netns", "delete", FARM_SPACE], check=False)


def _serve(folder: Path, number: int) -> subprocess.Popen[bytes]:
    config, log = folder / f"sshd{number}", folder / f"log{number}"
    config.write_text(sshd_config(folder, number))
    argv = inside(FARM_SPACE, "unshare", "-m", "sh", "-c", _START, str(config))
    with log.open("wb") as sink:
        return subprocess.Popen(argv, stderr=sink, start_new_session=True)


def _await(folder: Path, number: int) -> None:
    log = folder / f"log{number}"
    for _ in range(300):
        if _READY in log.read_text():
            return
        time.sleep(0.1)
    raise LabError(f"an sshd of the farm does not start: {log.read_text().strip()}", "is openssh-server installed?")


@contextmanager
def farm(size: int) -> Iterator[Farm]:
    """So many hosts, as long as the context lasts. Needs root. Raises LabError when they cannot be made."""
    require_means()
    names = tuple(f"node{number:03}" for number in range(size))
    servers: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="estate-farm-") as name:
        folder = Path(name)
        _keys(folder, names)
        _clear()
        try:
            run(["ip", "netns", "add", FARM_SPACE])
            run(["ip", "-n", FARM_SPACE, "link", "set", "lo", "up"])
            for number in range(size):
                run(["ip", "-n", FARM_SPACE, "address", "add", f"{address(number)}/32", "dev", "lo"])
                servers.append(_serve(folder, number))
            for number in range(size):
                _await(folder, number)
            yield Farm(folder, names)
        finally:
            for server in servers:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGTERM)
                server.wait(timeout=10)
            _clear()
