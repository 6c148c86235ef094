"""Serves /etc/pve by FUSE: the shared folder's files, under pmxcfs's rules. Needs Debian's fusepy, so a node only."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

from fusepy import FUSE, FuseOSError, Operations

from lab.standins.proxmox.node import Node
from lab.standins.proxmox.pmxcfs import BACKING, LARGEST, LINKS, MOUNT, WWW_DATA, Rules

_WRITES = os.O_WRONLY | os.O_RDWR


def _check(code: int) -> None:
    if code:
        raise FuseOSError(code)


class Files(Operations):  # type: ignore[misc, unused-ignore]
    """FUSE's calls, passed on to the folder; an OSError's number is the answer."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def _at(self, path: str) -> Path:
        first, _, rest = path.strip("/").partition("/")
        return BACKING / (self.rules.link(first) or first) / rest

    def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
        """Sizes and times of the file; modes and owners as pmxcfs has them."""
        owner = {"st_uid": 0, "st_gid": WWW_DATA}
        if link := self.rules.link(path):
            return {"st_mode": stat.S_IFLNK | 0o777, "st_nlink": 1, "st_size": len(link), **owner}
        found = self._at(path).lstat()
        directory = stat.S_ISDIR(found.st_mode)
        mode = (stat.S_IFDIR if directory else stat.S_IFREG) | self.rules.mode(path, directory)
        kept = {key: getattr(found, key) for key in ("st_atime", "st_ctime", "st_mtime", "st_nlink", "st_size")}
        return {**kept, **owner, "st_mode": mode if self.rules.quorate() else mode & ~0o222}

    def readlink(self, path: str) -> str:
        """Of the fixed links."""
        return self.rules.link(path)

    def readdir(self, path: str, fh: Any) -> list[str]:
        """The folder's names, and the fixed links."""
        names = [one.name for one in self._at(path).iterdir()]
        return [".", "..", *names, *(LINKS if path == "/" else ())]

    def open(self, path: str, flags: int) -> int:
        """For writing only with a quorum."""
        _check(self.rules.may_write(path) if flags & _WRITES else 0)
        return os.open(self._at(path), flags & ~os.O_CREAT)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        """A new file; its mode is pmxcfs's."""
        _check(self.rules.may_write(path))
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """A part of a file."""
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Up to the largest size."""
        _check(errno.EFBIG if offset + len(data) > LARGEST else self.rules.may_write(path))
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: Any = None) -> None:
        """Up to the largest size."""
        _check(errno.EFBIG if length > LARGEST else self.rules.may_write(path))
        os.truncate(self._at(path), length)

    def release(self, path: str, fh: int) -> None:
        """Close it."""
        os.close(fh)

    def flush(self, path: str, fh: int) -> None:
        """Nothing is held back."""

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        """To the disk."""
        os.fsync(fh)

    def mkdir(self, path: str, mode: int) -> None:
        """A new directory."""
        _check(self.rules.may_write(path))
        self._at(path).mkdir()

    def rmdir(self, path: str) -> None:
        """An empty directory goes."""
        _check(self.rules.may_write(path))
        self._at(path).rmdir()

    def unlink(self, path: str) -> None:
        """A file goes."""
        _check(self.rules.may_write(path))
        self._at(path).unlink()

    def rename(self, old: str, new: str) -> None:
        """A file gets another name, in the place of what has it."""
        _check(self.rules.may_write(old) or self.rules.may_write(new))
        self._at(old).rename(self._at(new))

    def chmod(self, path: str, mode: int) -> None:
        """To what it is anyway."""
        _check(self.rules.chmod(path, mode))

    def chown(self, path: str, uid: int, gid: int) -> None:
        """To whom it belongs anyway."""
        _check(self.rules.chown(uid, gid))

    def symlink(self, target: str, source: str) -> None:
        """There are none."""
        _check(errno.EPERM)

    def link(self, target: str, source: str) -> None:
        """There are none."""
        _check(errno.EPERM)

    def utimens(self, path: str, times: Any = None) -> None:
        """Times are not kept."""
        _check(self.rules.may_write(path))

    def statfs(self, path: str) -> dict[str, int]:
        """pmxcfs's own limit, 128 MiB."""
        return {"f_bsize": 4096, "f_blocks": 32768, "f_bavail": 16384, "f_bfree": 16384, "f_namemax": 256}


def serve(node: Node) -> None:
    """Mount /etc/pve and serve it until the service is ended."""
    backing = Node(node.name, node.backend, node.root, node.dial)
    backing.pve = BACKING
    BACKING.mkdir(parents=True, exist_ok=True)
    MOUNT.mkdir(exist_ok=True)
    # direct_io: another node's change is seen at once
    FUSE(Files(Rules(backing)), str(MOUNT), foreground=True, allow_other=True, fsname="/dev/fuse", direct_io=True)
