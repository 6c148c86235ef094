"""/etc/pve: the folder that the nodes share, with pmxcfs's rules (pve-docs pmxcfs.adoc; facts §1.2).

No links, no other mode or owner, files to 1 MiB, `lxc` and `local` are this node's own, and without a quorum
nothing is written. The real one is a database that corosync replicates; this is FUSE over a folder.
"""

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any

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
        # The lock folder is held by each node for itself while there is no quorum: reading would need it too
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


def serve(node: Node) -> None:
    """Mount /etc/pve and serve it until the service is ended."""
    from fusepy import FUSE, FuseOSError, Operations

    backing = Node(node.name, node.backend, node.root, node.dial)
    backing.pve = BACKING
    rules = Rules(backing)

    def check(code: int) -> None:
        if code:
            raise FuseOSError(code)

    class Files(Operations):  # type: ignore[misc, unused-ignore]
        """FUSE's calls, passed on to the folder."""

        def _at(self, path: str) -> Path:
            first, _, rest = path.strip("/").partition("/")
            return BACKING / (rules.link(first) or first) / rest

        def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
            if link := rules.link(path):
                return {
                    "st_mode": stat.S_IFLNK | 0o777,
                    "st_nlink": 1,
                    "st_size": len(link),
                    "st_uid": 0,
                    "st_gid": WWW_DATA,
                }
            try:
                found = self._at(path).lstat()
            except OSError as fault:
                raise FuseOSError(fault.errno) from fault
            directory = stat.S_ISDIR(found.st_mode)
            kept = {key: getattr(found, key) for key in ("st_atime", "st_ctime", "st_mtime", "st_nlink", "st_size")}
            mode = (stat.S_IFDIR if directory else stat.S_IFREG) | rules.mode(path, directory)
            return {**kept, "st_mode": mode if rules.quorate() else mode & ~0o222, "st_uid": 0, "st_gid": WWW_DATA}

        def readlink(self, path: str) -> str:
            return rules.link(path)

        def readdir(self, path: str, fh: Any) -> list[str]:
            names = [one.name for one in self._at(path).iterdir()]
            return [".", "..", *names, *(LINKS if path == "/" else ())]

        def open(self, path: str, flags: int) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR):
                check(rules.may_write(path))
            try:
                return os.open(self._at(path), flags & ~os.O_CREAT)
            except OSError as fault:
                raise FuseOSError(fault.errno) from fault

        def create(self, path: str, mode: int, fi: Any = None) -> int:
            check(rules.may_write(path))
            return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            return os.pread(fh, size, offset)

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            check(errno.EFBIG if offset + len(data) > LARGEST else rules.may_write(path))
            return os.pwrite(fh, data, offset)

        def truncate(self, path: str, length: int, fh: Any = None) -> None:
            check(errno.EFBIG if length > LARGEST else rules.may_write(path))
            os.truncate(self._at(path), length)

        def release(self, path: str, fh: int) -> None:
            os.close(fh)

        def flush(self, path: str, fh: int) -> None:
            return None

        def fsync(self, path: str, datasync: int, fh: int) -> None:
            os.fsync(fh)

        def mkdir(self, path: str, mode: int) -> None:
            check(rules.may_write(path))
            try:
                self._at(path).mkdir()
            except OSError as fault:
                raise FuseOSError(fault.errno) from fault

        def rmdir(self, path: str) -> None:
            check(rules.may_write(path))
            try:
                self._at(path).rmdir()
            except OSError as fault:
                raise FuseOSError(fault.errno) from fault

        def unlink(self, path: str) -> None:
            check(rules.may_write(path))
            self._at(path).unlink()

        def rename(self, old: str, new: str) -> None:
            check(rules.may_write(old) or rules.may_write(new))
            self._at(old).rename(self._at(new))

        def chmod(self, path: str, mode: int) -> None:
            check(rules.chmod(path, mode))

        def chown(self, path: str, uid: int, gid: int) -> None:
            check(rules.chown(uid, gid))

        def symlink(self, target: str, source: str) -> None:
            check(errno.EPERM)

        def link(self, target: str, source: str) -> None:
            check(errno.EPERM)

        def utimens(self, path: str, times: Any = None) -> None:
            check(rules.may_write(path))

        def statfs(self, path: str) -> dict[str, int]:
            return {"f_bsize": 4096, "f_blocks": 32768, "f_bavail": 16384, "f_bfree": 16384, "f_namemax": 256}

    BACKING.mkdir(parents=True, exist_ok=True)
    MOUNT.mkdir(exist_ok=True)
    FUSE(Files(), str(MOUNT), foreground=True, allow_other=True, nothreads=False, fsname="/dev/fuse", direct_io=True)
