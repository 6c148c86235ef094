"""Files: a tar of absolute paths (without the first slash), compressed by zstd; owners, modes and times are kept.

An archive in which a file changed while it was read is made again; after three times that is a fault.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from estate_backup.manifest import Part
from estate_backup.parts.job import Job, Made

NAME = "files.tar.zst"
TRIES = 3


def collect(job: Job) -> Made:
    """Archive the paths. Raises BackupError when one is missing (and not optional) or never holds still."""
    paths = [Path(path) for path in job.part.paths]
    there = [path for path in paths if os.path.lexists(path)]
    if len(there) < len(paths) and not job.part.optional:
        gone = next(path for path in paths if path not in there)
        raise job.fault(f"{gone} is missing", "see the service, or declare another path")
    if not there:
        return {}
    name = f"{job.part.name}.tar.zst"
    for attempt in range(TRIES):
        survey = Survey()
        try:
            flow = job.seal(name, [["zstd", "--quiet", "--stdout"]], feed=survey.archive(there))
        except tarfile.TarError as fault:
            raise job.fault(f"{name}: {fault}", "") from None
        if not survey.changed:
            return {name: Part(flow.size, flow.sha256, survey.evidence())}
        (job.folder / f"{name}.age").unlink()
        time.sleep(1 + attempt)
    raise job.fault(f"{survey.changed[0]} changes while it is read", "declare what does not belong to the set")


class Survey:
    """What was read: how many regular files and bytes, and one digest of all paths and contents."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self._lines: list[str] = []
        self._files = self._bytes = 0

    def evidence(self) -> dict[str, Any]:
        """What a restored tree must match: `survey` of it gives the same."""
        digest = hashlib.sha256("".join(sorted(self._lines)).encode(errors="surrogateescape")).hexdigest()
        return {"files": self._files, "bytes": self._bytes, "digest": digest}

    def note(self, name: str, size: int, content: str) -> None:
        """Count a file; a link's content is its target."""
        self._files, self._bytes = self._files + 1, self._bytes + size
        self._lines.append(f"{name}\0{content}\n")

    def archive(self, paths: Iterable[Path]) -> Callable[[IO[bytes]], None]:
        """Return what writes the tar."""

        def feed(target: IO[bytes]) -> None:
            with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 17) as archive:
                for path in walk(paths):
                    self._add(archive, path)

        return feed

    def _add(self, archive: tarfile.TarFile, path: Path) -> None:
        name = str(path).lstrip("/")
        try:
            entry = archive.gettarinfo(str(path), name)
            if entry is None:  # a socket
                return
            if not entry.isreg():
                archive.addfile(entry)
                self._note_link(entry, name)
                return
            with path.open("rb") as handle:
                reader = _Reader(handle)
                archive.addfile(entry, reader)  # type: ignore[arg-type]
                now = os.fstat(handle.fileno())
        except FileNotFoundError:
            self.changed.append(str(path))
            return
        if (now.st_size, int(now.st_mtime)) != (entry.size, int(entry.mtime)):
            self.changed.append(str(path))
        self.note(name, entry.size, reader.digest.hexdigest())

    def _note_link(self, entry: tarfile.TarInfo, name: str) -> None:
        if entry.issym() or entry.islnk():
            self.note(name, 0, f"-> {entry.linkname}")


class _Reader:
    """Hashes what the archive reads; a file that became shorter is filled up, as it is made again anyway."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle, self.digest = handle, hashlib.sha256()

    def read(self, size: int) -> bytes:
        block = self._handle.read(size)
        self.digest.update(block)
        return block.ljust(size, b"\0")


def walk(paths: Iterable[Path]) -> Iterator[Path]:
    """Every path below the given ones, themselves too, in order; links are not followed."""
    for path in paths:
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from walk(sorted(path.iterdir()))
