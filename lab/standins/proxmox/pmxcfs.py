"""/etc/pve: the folder that the nodes share, with pmxcfs's rules (pve-docs pmxcfs.adoc; facts §1.2).

No links, no other mode or owner, files to 1 MiB, `lxc` and `local` are this node's own, and without a quorum
nothing is written. The real one is a database that corosync replicates; this is FUSE over a folder.
"""

import errno
import stat
import time
from pathlib import Path

from lab.standins.proxmox import cluster
from lab.standins.proxmox.node import Node

BACKING = Path("/var/lib/pve-cluster/config")
MOUNT = Path("/etc/pve")
LARGEST = 1024 * 1024
WWW_DATA = 33
QUORUM_SECONDS = 2.0
LINKS = {"local": "nodes/{node}", "lxc": "nodes/{node}/lxc", "qemu-server": "nodes/{node}/qemu-server"}


class Rules:
    """What pmxcfs allows, without FUSE, so that it can be tested."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._asked = -QUORUM_SECONDS
        self._quorate = False

    def link(self, path: str) -> str:
        """Where one of the fixed links leads; empty for what is none."""
        return LINKS.get(path.strip("/"), "").format(node=self.node.name)

    def quorate(self) -> bool:
        """Whether there is a quorum, asked every two seconds."""
        if time.monotonic() - self._asked >= QUORUM_SECONDS:
            self._quorate, self._asked = cluster.quorum(self.node).quorate, time.monotonic()
        return self._quorate

    def may_write(self, path: str) -> int:
        """An errno, or 0."""
        if self.link(path):
            return errno.EACCES
        return 0 if self.quorate() else errno.EACCES

    def chmod(self, path: str, mode: int) -> int:
        """Only the mode that the file has anyway."""
        return 0 if stat.S_IMODE(mode) == self.mode(path, directory=False) else errno.EPERM

    def chown(self, user: int, group: int) -> int:
        """Only the owner that the file has anyway."""
        return 0 if user in {0, -1, 2**32 - 1} and group in {WWW_DATA, -1, 2**32 - 1} else errno.EPERM

    def mode(self, path: str, directory: bool) -> int:
        """The mode of every file and directory: private ones are root's."""
        private = path.strip("/").startswith("priv") or "/priv" in path
        if directory:
            return 0o700 if private else 0o755
        return 0o600 if private else 0o640
