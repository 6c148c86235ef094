"""The node that a tool runs on: where its files are, who it is, what it has."""

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.standins.proxmox.backend import Backend
from lab.standins.proxmox.errors import PveError

LOCK_SECONDS = 10
MACHINE = "etc/estate-lab/proxmox.json"
"""What the lab says of the node: the cores, memory and thin pool that it stands for."""


def _dial(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass
class Node:
    """A node; everything below `root`, so that a test can have one in a directory."""

    name: str
    backend: Backend
    root: Path = Path("/")
    dial: Callable[[str, int], bool] = _dial
    """Whether a server answers at an address and port."""
    now: Callable[[], datetime] = datetime.now
    say: Callable[[str], None] = _say
    """Where a tool prints a line."""
    pve: Path = field(init=False)

    def __post_init__(self) -> None:
        self.pve = self.root / "etc/pve"

    @classmethod
    def here(cls, backend: Backend) -> "Node":
        """The node that this process runs on."""
        return cls(socket.gethostname().partition(".")[0], backend)

    @property
    def state(self) -> Path:
        """What lasts until the next boot."""
        return self.root / "run/pve-standin"

    @property
    def data(self) -> Path:
        """What the stand-in keeps: the thin pools' images."""
        return self.root / "var/lib/pve-standin"

    def machine(self) -> dict[str, Any]:
        """What the node stands for; of the real machine where the lab says nothing."""
        path = self.root / MACHINE
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return {"cpus": os.cpu_count() or 1, "memory": memory, "thinpool": 512 * 1024**3} | found

    def read(self, name: str) -> str:
        """A file below /etc/pve; empty when there is none."""
        path = self.pve / name
        return path.read_text() if path.exists() else ""

    def write(self, name: str, text: str) -> None:
        """Write a file below /etc/pve in one step, as pmxcfs's users do. Raises PveError without quorum."""
        path = self.pve / name
        partial = path.with_name(f"{path.name}.tmp.{os.getpid()}")
        if not self.quorate():
            raise PveError(f"unable to open file '{partial}' - Permission denied", 13)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text)
        partial.replace(path)

    def quorate(self) -> bool:
        """Whether this node may write to /etc/pve."""
        from lab.standins.proxmox.cluster import quorum

        return quorum(self).quorate

    def need_quorum(self) -> None:
        """Raise PveError unless the cluster is quorate, in pve-cluster's words."""
        if not self.quorate():
            raise PveError("cluster not ready - no quorum?")

    @contextlib.contextmanager
    def cfs_lock(self, name: str) -> Iterator[None]:
        """Hold a file of /etc/pve for the whole cluster."""
        if not self.quorate():
            raise PveError(f"cfs-lock 'file-{name}' error: no quorum!")
        with self.shared_lock(name):
            yield

    @contextlib.contextmanager
    def shared_lock(self, name: str) -> Iterator[None]:
        """A lock that every node sees: in the folder that they share, as FUSE's own would be each node's."""
        path = self.root / "var/lib/pve-cluster/lock" / name
        with self._flock(path, f"cfs-lock 'file-{name}' error: got lock request timeout"):
            yield

    @contextlib.contextmanager
    def guest_lock(self, vmid: int) -> Iterator[None]:
        """Hold a container on this node."""
        path = self.root / f"run/lock/lxc/pve-config-{vmid}.lock"
        with self._flock(path, f"can't lock file '{path}' - got timeout"):
            yield

    @contextlib.contextmanager
    def _flock(self, path: Path, fault: str) -> Iterator[None]:
        path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + LOCK_SECONDS
        with path.open("a") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise PveError(fault) from None
                    time.sleep(0.1)
            yield
