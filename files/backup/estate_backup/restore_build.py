"""New data are built and proven where nobody reads them yet: files, SQLite databases and objects.

Every stream is measured on its way: data whose hash is not the signed one are never put in place.
"""

from __future__ import annotations

import errno
import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from sqlite3 import Error as DatabaseFault
from typing import Any

from estate_backup import crypt, proc
from estate_backup.config import Config, Service
from estate_backup.disk import sha256
from estate_backup.errors import BackupError
from estate_backup.evidence import Finding, counts, fault, listing
from estate_backup.evidence import tree as tree_of
from estate_backup.manifest import Part as Kept
from estate_backup.parts import sqlite as sqlite_part
from estate_backup.parts.files import Survey as SurveyOf
from estate_backup.parts.files import walk
from estate_backup.restore_fetch import objects_folder
from estate_backup.restore_plan import Piece, Step
from estate_backup.restore_swap import copy_owner, like, prepare, remove
from estate_backup.store import object_path


@dataclass(frozen=True)
class Job:
    """One service's data to build.

    + places: live root → the directory (or file) that is built
    + spool: where the ciphertext lies
    + keys: of the set, by name
    + noted: by part, the keys of Redis that the running server must have
    """

    config: Config
    step: Step
    places: Mapping[Path, Path]
    spool: Path
    keys: Mapping[str, str] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)

    @property
    def service(self) -> Service:
        """The service."""
        return self.step.service

    def at(self, live: Path) -> Path:
        """Where a live path is built."""
        for root, place in self.places.items():
            if live == root:
                return place
            if root in live.parents:
                return place / live.relative_to(root)
        raise BackupError(live, f"is in no directory of {self.service.name}", "deploy the backups")

    def mounts(self) -> dict[str, Path]:
        """The service's data directories as a container sees them: the built ones only."""
        return {
            target: self.places[Path(place)]
            for target, place in self.service.data.items()
            if Path(place) in self.places
        }

    def sealed(self, name: str) -> Path:
        """The ciphertext of a part's file."""
        return self.spool / self.service.name / f"{name}.age"

    def pour(self, name: str, kept: Kept, *commands: list[str]) -> None:
        """Decrypt a file into commands. Raises BackupError when one fails, or it was not what the contents say."""
        opened = [crypt.decrypt_command(self.config)]
        flow = proc.stream(opened, [(commands, None)], stdin=self.sealed(name))
        self._same(name, kept, flow.size, flow.sha256)

    def write(self, name: str, kept: Kept, target: Path) -> None:
        """Decrypt a file to a path that is free. Raises BackupError; the path is then free again."""
        try:
            flow = proc.stream([crypt.decrypt_command(self.config)], [([["cat"]], target)], stdin=self.sealed(name))
            self._same(name, kept, flow.size, flow.sha256)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _same(self, name: str, kept: Kept, size: int, digest: str) -> None:
        if (size, digest) != (kept.size, kept.sha256):
            raise BackupError(
                f"{self.service.name}/{name}",
                f"has {size} bytes, not the {kept.size} that were signed",
                "use another set",
            )


def prepare_all(job: Job) -> None:
    """Make the empty places that data are built in."""
    for root in job.step.roots:
        prepare(root, job.places[root.live], job.service)


def build(job: Job, piece: Piece) -> Finding:
    """Build a part that needs no server of its own, and say what is proven of the built files."""
    kinds = {"files": files, "sqlite": sqlite, "objects": objects}
    return kinds[piece.part.kind](job, piece)


def files(job: Job, piece: Piece) -> Finding:
    """Unpack an archive with its owners and modes; only declared paths come out of it."""
    name, kept = piece.only
    live = [Path(path) for path in piece.part.paths]
    first = job.at(live[0])
    tree = next(place for place in job.places.values() if place == first or place in first.parents)
    tree = tree.with_name(f"{tree.name}.tree")
    remove(tree)
    tree.mkdir(mode=0o700)
    try:
        unpack = ["tar", "--extract", "--numeric-owner", "--same-owner", "--same-permissions", "--xattrs"]
        job.pour(name, kept, ["zstd", "--decompress", "--stdout", "--quiet"], [*unpack, "--directory", str(tree)])
        found = survey(tree, live)
        for path in live:
            unpacked, target = tree / path.relative_to("/"), job.at(path)
            if os.path.lexists(unpacked):
                parents(job, path)
                move(unpacked, target)
        if left := [path for path in tree.rglob("*") if not path.is_dir() or path.is_symlink()]:
            raise BackupError(
                f"{job.service.name}/{name}", f"holds {len(left)} files of no declared path", "use another set"
            )
    finally:
        remove(tree)
    return tree_of(piece.part.name, kept.evidence, found)


def survey(tree: Path, live: Iterable[Path]) -> dict[str, Any]:
    """The evidence of an unpacked tree, found as the backup found it."""
    seen = SurveyOf()
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as archive:  # it knows hard links from files
        for path in walk(
            tree / path.relative_to("/") for path in live if os.path.lexists(tree / path.relative_to("/"))
        ):
            name = str(path.relative_to(tree))
            entry = archive.gettarinfo(str(path), name)
            if entry is None:
                continue
            if entry.isreg():
                seen.note(name, entry.size, sha256(path))
            elif entry.issym() or entry.islnk():
                seen.note(name, 0, f"-> {entry.linkname}")
    return seen.evidence()


def sqlite(job: Job, piece: Piece) -> Finding:
    """Write a database, without the logs of the old one, and check it."""
    name, kept = piece.only
    live = Path(piece.part.path)
    target = job.at(live)
    parents(job, live)
    job.write(name, kept, target)
    like(live, target, job.service, 0o600)
    try:
        return counts(piece.part.name, kept.evidence["tables"], sqlite_part.counts(target))
    except DatabaseFault as damage:
        return fault(f"{piece.part.name}: {damage}")


def objects(job: Job, piece: Piece) -> Finding:
    """Write every object with its time, and read all of them again: their hashes are the evidence."""
    _, kept = piece.only
    base, top = Path(piece.part.path), job.at(Path(piece.part.path))
    top.mkdir(exist_ok=True)
    recorded = kept.evidence["objects"]
    for path in sorted(_plain(path) for path in kept.evidence.get("directories", ())):
        parents(job, base / path)
        folder(job, base / path)
    mode = top.stat().st_mode & 0o666
    user, group = top.stat().st_uid, top.stat().st_gid
    for path, entry in recorded.items():
        target = job.at(base / _plain(path))
        parents(job, base / path)
        crypt.decrypt(objects_folder(job.spool) / object_path(entry["object"]), target, job.config)
        os.chown(target, user, group)
        target.chmod(mode)
        if mtime := entry.get("mtime"):
            os.utime(target, (float(mtime), float(mtime)))
    found = {
        str(path.relative_to(top)): (path.stat().st_size, sha256(path))
        for path in top.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    return listing(piece.part.name, recorded, found)


def _plain(path: str) -> str:
    """A path below the store's folder. Raises BackupError for one that would leave it."""
    if not path or path.startswith("/") or ".." in PurePosixPath(path).parts or "\0" in path:
        raise BackupError(path, "is no path of an object", "use another set")
    return path


def parents(job: Job, live: Path) -> None:
    """Make the directories above a path that is built."""
    missing = []
    for parent in () if live in job.places else live.parents:
        if parent in job.places or job.at(parent).exists():
            break
        missing.append(parent)
    for parent in reversed(missing):
        folder(job, parent)


def folder(job: Job, live: Path) -> None:
    """Make one directory that is built: owner and mode as the live one has, else as its parent's."""
    place = job.at(live)
    if place.is_dir():
        return
    place.mkdir()
    copy_owner(live if live.is_dir() else place.parent, place)


def move(source: Path, target: Path) -> None:
    """Rename, or copy with all attributes when it leads to another file system."""
    try:
        source.rename(target)
    except OSError as failed:
        if failed.errno != errno.EXDEV:
            raise
        proc.output(["cp", "-a", "-T", str(source), str(target)], timeout=None)
        remove(source)
