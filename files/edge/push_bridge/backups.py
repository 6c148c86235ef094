"""Backups that the nodes send: complete, encrypted, the newest few of each."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from push_bridge.config import Config
from push_bridge.refused import Refused

AGE_HEADER = b"age-encryption.org/v1\n"


class Backups:
    """Encrypted backups of the nodes' databases: a folder a node, the newest few are kept."""

    def __init__(self, root: Path, config: Config) -> None:
        self._root, self._config = root, config
        self._incoming = root / ".incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)  # what a stop interrupted
        self._incoming.mkdir(parents=True, mode=0o700)

    def _kept(self, node: str) -> list[Path]:
        return sorted((self._root / node).glob("*.age"))

    def newest(self, node: str) -> dict[str, float] | None:
        """When the newest came (epoch), and its size."""
        for path in reversed(self._kept(node)):
            with contextlib.suppress(FileNotFoundError):
                return {"at": int(path.stem) / 1000, "bytes": path.stat().st_size}
        return None

    def take(self, node: str, size: int, read: Callable[[int], bytes]) -> dict[str, object]:
        """Store one as it comes: it has its name only when it is complete and on the disk."""
        if size > self._config.backup_max_mb * 1024 * 1024:
            raise Refused(413, f"more than {self._config.backup_max_mb:g} MB")
        if shutil.disk_usage(self._root).free < 2 * size:
            raise Refused(507, "the hub's disk has no room for it")
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=self._incoming, prefix=f"{node}-") as scratch:
            for block in _blocks(size, read):
                digest.update(block)
                scratch.write(block)
            scratch.flush()
            os.fsync(scratch.fileno())
            folder = self._root / node
            folder.mkdir(mode=0o700, exist_ok=True)
            name = folder / f"{time.time_ns() // 1_000_000:014d}.age"
            os.link(scratch.name, name)
        for old in self._kept(node)[: -self._config.backup_keep]:
            old.unlink(missing_ok=True)
        _sync(folder)
        return {"bytes": size, "sha256": digest.hexdigest()}


def _blocks(size: int, read: Callable[[int], bytes]) -> Iterator[bytes]:
    block = read(min(size, 65536))
    if not block.startswith(AGE_HEADER):
        raise Refused(400, "not a file that age encrypted")
    while block:
        yield block
        size -= len(block)
        block = read(min(size, 65536))
    if size:
        raise Refused(400, f"{size} bytes are missing at its end")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
