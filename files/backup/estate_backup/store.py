"""A place with sets: lists, fetches, adds and removes them. One implementation over rclone, for remotes and folders.

STORE/KIND/SETID/…   STORE/objects/<2>/<sha256>.age

A set exists only with a manifest whose signature is the host's; it is uploaded last. What is there is never written
again, and nothing is ever synchronised: deletions are of one named set, and bounded.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estate_backup import crypt, disk, manifest, mounts
from estate_backup.config import KINDS, SET_ID, Config, StoreConfig
from estate_backup.errors import BackupError
from estate_backup.manifest import MANIFEST, SIGNATURE, Manifest
from estate_backup.rclone import NOT_FOUND, Rclone, patience

MANIFESTS = 1800
"""seconds for the manifests of a store: a few kilobytes a set"""


@dataclass(frozen=True)
class SetRef:
    """A set in a store. `complete`: its manifest is there and verified; `fault` says why not."""

    kind: str
    id: str
    complete: bool
    sequence: int | None
    fault: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


def open_store(config: Config, name: str) -> Store:
    """Open a declared store. Raises BackupError when there is none of that name."""
    return Store(config, config.store(name))


class Store:
    """A store that rclone reaches: a remote, or a folder."""

    def __init__(self, config: Config, settings: StoreConfig) -> None:
        self.name, self.settings = settings.name, settings
        self._config = config
        self._rclone = Rclone(config, settings)
        self._manifests: dict[tuple[str, str], Manifest] = {}

    def ready(self) -> None:
        """Raise BackupError when the store cannot be used now."""
        if self.settings.kind == "directory":
            mounts.require(self.settings)
        elif self.settings.readable:
            self._list("lsf", "--dirs-only", self._rclone.at())

    def sets(self) -> list[SetRef]:
        """Every set, oldest first: by sequence where it is known, else by id."""
        self._readable()
        names = self._list(
            "lsf", "-R", "--dirs-only", "--max-depth", "2", "--exclude", "/objects/**", self._rclone.at()
        )
        places = [place for line in names.splitlines() if (place := _place(line))]
        with tempfile.TemporaryDirectory(prefix="estate-backup-") as scratch:
            folder = Path(scratch)
            new = [place for place in places if place not in self._manifests]
            wanted = [f"{kind}/{name}/{file}" for kind, name in new for file in (MANIFEST, SIGNATURE)]
            if wanted:
                self._copy_named(self._rclone.at(), wanted, folder / "sets", MANIFESTS)
            refs = [self._known(place) or self._ref(*place, folder.joinpath("sets", *place)) for place in places]
        return sorted(refs, key=lambda ref: (ref.id if ref.sequence is None else "", ref.sequence or 0, ref.id))

    def manifest(self, ref: SetRef) -> Manifest:
        """The verified manifest of a set. Raises BackupError when it has none."""
        if (ref.kind, ref.id) not in self._manifests:
            with tempfile.TemporaryDirectory(prefix="estate-backup-") as scratch:
                wanted = [f"{ref}/{file}" for file in (MANIFEST, SIGNATURE)]
                self._copy_named(self._rclone.at(), wanted, Path(scratch), MANIFESTS)
                found = self._ref(ref.kind, ref.id, Path(scratch) / ref.kind / ref.id)
            if not found.complete:
                raise self._rclone.fault(f"{ref}: {found.fault}", "use another set: `estate-backup list` shows them")
        return self._manifests[ref.kind, ref.id]

    def _known(self, place: tuple[str, str]) -> SetRef | None:
        """A set that was verified before: what is there is never written again."""
        made = self._manifests.get(place)
        return SetRef(*place, True, made.sequence) if made else None

    def _ref(self, kind: str, name: str, folder: Path) -> SetRef:
        """Judge a set by the manifest and signature that were fetched to a folder."""
        text, signature = folder / MANIFEST, folder / SIGNATURE
        if not (text.is_file() and signature.is_file()):
            return SetRef(kind, name, False, None, "incomplete: its upload did not end")
        try:
            crypt.verify(text, signature, self._config)
            made = manifest.load(text.read_text(), f"{self.name}/{kind}/{name}/{MANIFEST}")
        except BackupError as fault:
            return SetRef(kind, name, False, None, fault.fault)
        if (made.kind, made.id, made.host) != (kind, name, self._config.host):
            return SetRef(kind, name, False, None, f"its manifest is of {made.kind}/{made.id} of {made.host}")
        self._manifests[kind, name] = made
        return SetRef(kind, name, True, made.sequence)

    def fetch(self, ref: SetRef, name: str, target: Path) -> None:
        """Fetch one file (ciphertext) to a path that is free. Raises BackupError when it is not what was signed."""
        made = self.manifest(ref)
        if name not in made.files:
            raise self._rclone.fault(f"{ref}: has no {name}", "see `estate-backup show`")
        self._fetch(f"{ref}/{name}", target, made.files[name].size, made.files[name].sha256)

    def fetch_object(self, sha: str, target: Path) -> None:
        """Fetch one object (ciphertext). Raises BackupError when it is missing or altered."""
        self._fetch(f"objects/{object_path(sha)}", target, 0, sha)

    def _fetch(self, path: str, target: Path, size: int, sha: str) -> None:
        self._readable()
        target.unlink(missing_ok=True)
        self._rclone.run("copyto", self._rclone.at(path), str(target), timeout=patience(size), doing=f"fetch {path}")
        self._same(path, target, sha)

    def _same(self, path: str, target: Path, sha: str) -> None:
        if not target.is_file():
            raise self._rclone.fault(f"{path}: is missing", "use another set or store, and run a backup")
        found = disk.sha256(target)
        if found != sha:
            target.unlink()
            raise self._rclone.fault(
                f"{path}: its sha256 is {found[:12]}…, not {sha[:12]}…", "it was altered: use another set or store"
            )

    def fetch_objects(self, shas: Iterable[str], folder: Path) -> None:
        """Fetch many objects to folder/<2>/<sha>.age. Raises BackupError at the first that is missing or altered."""
        self._readable()
        wanted = sorted(set(shas))
        if wanted:
            self._copy_named(self._rclone.at("objects"), [object_path(sha) for sha in wanted], folder)
        for sha in wanted:
            self._same(f"objects/{object_path(sha)}", folder / object_path(sha), sha)

    def put_objects(self, folder: Path) -> None:
        """Add the objects of folder/<2>/<sha>.age. What is there already stays as it is."""
        self._copy(folder, "objects", "--no-traverse")

    def put_set(self, kind: str, identity: str, folder: Path) -> None:
        """Add a set: its files, then the manifest, then the signature; each step only when the one before is proven."""
        last = ("--exclude", f"/{MANIFEST}", "--exclude", f"/{SIGNATURE}")
        path = f"{kind}/{identity}"
        self._copy(folder, path, *last)
        if self.settings.readable:
            size = disk.size_of(folder)
            words = ("check", "--one-way", str(folder), self._rclone.at(path), *last)
            self._rclone.run(*words, timeout=patience(size), doing=f"{path}: comparing what was sent")
        for name in (MANIFEST, SIGNATURE):
            self._copy(folder, path, "--include", f"/{name}")
        if self.settings.readable:
            self.manifest(SetRef(kind, identity, True, None))

    def _copy(self, folder: Path, path: str, *filters: str) -> None:
        """Copy a folder's files; `--immutable` refuses to write another content over one that is there."""
        size = disk.size_of(folder)
        # a key that may only write cannot ask what is there: the bucket's versions are what protects it then
        how = ("--immutable",) if self.settings.readable else ("--no-check-dest", "--s3-no-head", "--s3-no-head-object")
        target = self._rclone.at(path)
        self._rclone.run("copy", str(folder), target, *how, *filters, timeout=patience(size), doing=f"send {path}")
        if self.settings.kind == "directory":
            mounts.require(self.settings)
            disk.flush(Path(target), folder)

    def _copy_named(self, source: str, names: list[str], target: Path, timeout: float = 24 * 3600) -> None:
        """Copy the files of these names that are there; seconds until the store is given up."""
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", prefix="estate-backup-") as listing:
            listing.write("".join(f"{name}\n" for name in names))
            listing.flush()
            words = ("copy", source, str(target), "--files-from-raw", listing.name, "--no-traverse")
            self._rclone.run(*words, timeout=timeout, doing="fetch")

    def files(self, ref: SetRef) -> dict[str, dict[str, Any]]:
        """What lies in a set's folder: name → {"size", "hashes"} (the hashes that the store tells)."""
        kinds = ("--hash", "--hash-type", "md5", "--hash-type", "sha1") if self.settings.kind == "rclone" else ()
        text = self._list("lsjson", "-R", "--files-only", *kinds, self._rclone.at(str(ref))) or "[]"
        return {
            item["Path"]: {
                "size": item["Size"],
                "hashes": {key.lower().replace("-", ""): value for key, value in (item.get("Hashes") or {}).items()},
            }
            for item in json.loads(text)
        }

    def hashes(self, path: str, size: int = 0) -> dict[str, str]:
        """Read every file below a path, wherever it is stored; name → sha256. What cannot be read is left out."""
        self._readable()
        words = ("hashsum", "sha256", "--download", self._rclone.at(path))
        status, text, said = self._rclone.call(*words, timeout=patience(size))
        lines = (line.partition("  ") for line in text.splitlines())
        found = {name: sha for sha, _, name in lines if name}
        if status and status not in NOT_FOUND and not found:
            raise self._rclone.fault(f"read {path}: rclone exited {status}: {said}")
        return {name: sha for name, sha in found.items() if manifest.HASH.fullmatch(sha)}

    def objects(self) -> dict[str, int]:
        """The pool: sha256 → size of the ciphertext."""
        words = ("lsf", "-R", "--fast-list", "--files-only", "--format", "sp", self._rclone.at("objects"))
        found = {}
        for line in self._list(*words).splitlines():
            size, _, name = line.partition(";")
            sha = name.rpartition("/")[2].removesuffix(".age")
            if manifest.HASH.fullmatch(sha) and name == object_path(sha):
                found[sha] = int(size)
        return found

    def delete(self, ref: SetRef, most: int) -> None:
        """Remove one set: its signature first, so that it is no set from then on; refuses above `most` files."""
        if not (ref.kind in KINDS and SET_ID.fullmatch(ref.id)):
            raise self._rclone.fault(f"{ref}: is not the name of a set", "nothing was removed")
        names = sorted(self.files(ref), key=lambda name: (name != SIGNATURE, name != MANIFEST))
        if len(names) > most:
            raise self._rclone.fault(f"{ref}: has {len(names)} files, not up to {most}", "look at it by hand")
        for first in (name for name in names if name in (SIGNATURE, MANIFEST)):
            self._rclone.run("deletefile", self._rclone.at(f"{ref}/{first}"), doing=f"remove {ref}")
        if set(names) - {SIGNATURE, MANIFEST}:
            self._rclone.run("delete", self._rclone.at(str(ref)), "--max-delete", str(most), doing=f"remove {ref}")
        self._rclone.call("rmdirs", self._rclone.at(str(ref)))  # of a remote there is often nothing to remove
        self._manifests.pop((ref.kind, ref.id), None)

    def delete_objects(self, shas: Iterable[str], most: int) -> int:
        """Remove up to `most` objects; returns how many."""
        doomed = sorted(shas)[:most]
        if doomed:
            with tempfile.NamedTemporaryFile("w", prefix="estate-backup-") as listing:
                listing.write("".join(f"{object_path(sha)}\n" for sha in doomed))
                listing.flush()
                words = ("--files-from-raw", listing.name, "--max-delete", str(len(doomed)))
                self._rclone.run("delete", self._rclone.at("objects"), *words, timeout=3600, doing="remove objects")
        return len(doomed)

    def _readable(self) -> None:
        if not self.settings.readable:
            raise self._rclone.fault("its key may only write", "use a store that can be read, or another key")

    def _list(self, *words: str) -> str:
        """Run a listing; what is not there is empty."""
        self._readable()
        status, text, said = self._rclone.call(*words, timeout=1800)
        if status in NOT_FOUND:
            return ""
        if status:
            raise self._rclone.fault(f"list: rclone exited {status}" + (f": {said}" if said else ""))
        return text


def object_path(sha: str) -> str:
    """Where an object lies below `objects`, by the sha256 of its ciphertext."""
    return f"{sha[:2]}/{sha}.age"


def _place(line: str) -> tuple[str, str] | None:
    kind, _, name = line.strip().rstrip("/").partition("/")
    return (kind, name) if kind in KINDS and SET_ID.fullmatch(name) else None
