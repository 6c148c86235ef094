"""Everything that can be checked before a byte is written: the set, its signature, its hashes, its keys, the room.

Only ciphertext comes to the spool here. The contents are opened in memory: with a wrong identity nothing was written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from estate_backup import crypt, disk, manifest
from estate_backup.collect import fingerprint
from estate_backup.config import SAFETY, Config, Service
from estate_backup.errors import BackupError
from estate_backup.manifest import KEYS, Contents, Manifest
from estate_backup.restore_plan import Step
from estate_backup.restore_swap import carried_size
from estate_backup.store import SetRef, Store, object_path, open_store


@dataclass(frozen=True)
class Opened:
    """A set whose manifest is verified and whose contents are open."""

    store: Store
    ref: SetRef
    manifest: Manifest
    contents: Contents


def find(config: Config, wanted: str, store: str | None = None) -> tuple[Store, SetRef]:
    """Find a complete set by its id (or KIND/ID, or "newest") in one store, or in all that can be read.

    Folders are asked before remotes. "newest" has the greatest sequence number, whatever the clock said.
    Raises BackupError with what each store answered.
    """
    named = [config.store(store)] if store else [s for s in config.stores if s.readable]
    found: list[tuple[Store, SetRef]] = []
    said = []
    for settings in sorted(named, key=lambda item: item.kind != "directory"):
        try:
            opened = open_store(config, settings.name)
            refs = opened.sets()
        except BackupError as fault:
            said.append(f"{settings.name}: {fault}")
            continue
        mine = [ref for ref in refs if wanted == "newest" or wanted in (ref.id, str(ref))]
        said += [
            f"{settings.name}: {ref} is incomplete: {ref.fault or 'no manifest'}" for ref in mine if not ref.complete
        ]
        found += [(opened, ref) for ref in mine if ref.complete and (wanted != "newest" or ref.kind != SAFETY)]
    if not found:
        text = f"is in none of {', '.join(item.name for item in named)}" if wanted != "newest" else "there is none"
        raise BackupError(f"set {wanted}", "\n".join([text, *said]), "estate-backup list shows the sets")
    return max(found, key=lambda item: item[1].sequence or 0) if wanted == "newest" else found[0]


def open_set(config: Config, wanted: str, store: str | None, work: Path) -> Opened:
    """Find a set, verify its signature and open its contents. Raises BackupError; then nothing was written."""
    return open_found(config, *find(config, wanted, store), work)


def open_found(config: Config, place: Store, ref: SetRef, work: Path) -> Opened:
    """Verify a set's signature and open its contents. Raises BackupError; then nothing was written."""
    said = place.manifest(ref)
    if said.id != ref.id or said.host != config.host:
        raise BackupError(
            f"{place.name}:{ref}", f"is signed as set {said.id} of {said.host}", "it was moved there: use another set"
        )
    return Opened(place, ref, said, manifest.open_contents(config, place, ref, work))


def download(opened: Opened, steps: Iterable[Step], services: Iterable[str], spool: Path) -> None:
    """Fetch the ciphertext of these steps, and the keys of `services`; each file's sha256 is that of the manifest.

    What an interrupted download left is kept when its hash is right. Raises BackupError.
    """
    steps = tuple(steps)
    for name in dict.fromkeys([*key_files(opened, services), *(name for step in steps for name in step.files)]):
        target = spool / name
        if name not in opened.manifest.files:
            raise BackupError(
                f"{opened.ref}/{name}", "is named by the contents, but not by the manifest", "use another set"
            )
        if not _there(target, opened.manifest.files[name].sha256):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            opened.store.fetch(opened.ref, name, target)
    folder = objects_folder(spool)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    hashes = {str(entry["object"]) for step in steps for entry in step.objects.values()}
    unlisted = hashes - set(opened.manifest.objects)
    if unlisted:
        raise BackupError(f"{opened.ref}", f"{len(unlisted)} objects are not in the manifest", "use another set")
    opened.store.fetch_objects((sha for sha in hashes if not _there(folder / object_path(sha), sha)), folder)


def _there(target: Path, sha: str) -> bool:
    if target.is_file() and disk.sha256(target) == sha:
        return True
    target.unlink(missing_ok=True)
    return False


def objects_folder(spool: Path) -> Path:
    """Where the objects' ciphertext lies."""
    return spool / "objects"


def key_files(opened: Opened, services: Iterable[str]) -> list[str]:
    """The names in the store of these services' keys."""
    return [f"{name}/{KEYS}.age" for name in services if KEYS in opened.contents.services.get(name, {})]


def keys(config: Config, opened: Opened, services: Iterable[str], spool: Path) -> dict[str, str]:
    """The keys that a set holds for services, opened in memory. Raises BackupError when one is not as it was signed."""
    found: dict[str, str] = {}
    for name in key_files(opened, services):
        text = crypt.decrypt_text(spool / name, config)
        kept = opened.contents.services[Path(name).parts[0]][KEYS]
        if hashlib.sha256(text.encode()).hexdigest() != kept.sha256:
            raise BackupError(f"{opened.ref}/{name}", "is not what the contents say", "use another set")
        found |= {key: value.rstrip("\n") for key, value in json.loads(text).items()}
    return found


def compare_keys(services: Sequence[Service], kept: Mapping[str, str]) -> tuple[str, ...]:
    """Check that data and keys will belong together: the host's keys must be the set's. Return what is equal.

    Raises BackupError with fingerprints (never values) and the remedy.
    """
    faults, equal = [], []
    for service in services:
        for name, place in service.keys.items():
            if name not in kept:
                faults.append(f"{name}: is not in the set, and {service.name}'s data cannot be read without it")
                continue
            path = Path(place)
            there = path.read_text().rstrip("\n") if path.is_file() else None
            if there == kept[name]:
                equal.append(f"{name} is the host's ({fingerprint(kept[name])})")
            else:
                host = f"the host's is {fingerprint(there)}" if there is not None else "the host has none"
                faults.append(f"{name}: the set's is {fingerprint(kept[name])}, {host}")
    if faults:
        raise BackupError(
            "keys",
            "\n".join(faults),
            "put the set's key in place first (estate-backup keys SET gives it to `estate secrets set`), deploy, then "
            "restore; nothing was changed",
        )
    return tuple(equal)


def needs(config: Config, opened: Opened, steps: Collection[Step], scratch: bool) -> list[tuple[Path, int]]:
    """What will be written where: ciphertext in the spool, then new data beside the old or in the scratch folder."""
    files = opened.manifest.files
    sealed = sum(files[name].size for step in steps for name in step.files if name in files)
    sealed += sum(int(str(entry["size"])) for step in steps for entry in step.objects.values())
    found = [(config.work, sealed)]
    for step in steps:
        carried = 0 if scratch else sum(carried_size(root) for root in step.roots)
        found.append((config.work if scratch else step.roots[0].live.parent, step.size + carried))
    return found


def check_room(config: Config, needs: Sequence[tuple[Path, int]]) -> None:
    """Check that what will be written fits. Raises BackupError per file system that it does not fit on.

    + needs: a path (the nearest that exists counts) and the bytes that come below it
    """
    by_device: dict[int, tuple[Path, int]] = {}
    for path, size in needs:
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        first, total = by_device.get(there.stat().st_dev, (there, 0))
        by_device[there.stat().st_dev] = first, total + size
    faults = []
    for place, size in by_device.values():
        free = shutil.disk_usage(place).free
        if free < size + config.spool_reserve:
            faults.append(
                f"{place}: {_mb(size)} are needed and {_mb(config.spool_reserve)} stay free, but {_mb(free)} are there"
            )
    if faults:
        raise BackupError("room", "\n".join(faults), "make room, or restore fewer services; nothing was changed")


def _mb(size: int) -> str:
    return f"{-(-size // 1_000_000)} MB"
