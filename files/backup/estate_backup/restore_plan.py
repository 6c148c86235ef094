"""What a restore will do, before it does anything: which services in which order, what stops, what is replaced (pure).

A service's data directory is replaced as a whole, by one that is built beside it. What no part of the set names is
carried over into the new one; what a part names is as in the set, and gone when the set does not have it: a log of an
old database beside a new one would be replayed into it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from estate_backup.config import Config, Part, Service
from estate_backup.errors import BackupError
from estate_backup.manifest import GLOBALS, KEYS, OBJECTS, Contents, Manifest
from estate_backup.manifest import Part as Kept

BESIDE_SQLITE = ("", "-wal", "-shm", "-journal")
CLUSTER = 200 << 20
"""bytes of a new, empty PostgreSQL cluster with its write-ahead log"""


@dataclass(frozen=True)
class Piece:
    """One declared part with what the set has of it: name of the file without `.age` → size, hash, evidence."""

    part: Part
    kept: Mapping[str, Kept]

    @property
    def only(self) -> tuple[str, Kept]:
        """Of a part that is one file: it."""
        return next(iter(self.kept.items()))


@dataclass(frozen=True)
class Root:
    """What is replaced by one rename: a directory (or a single file), and the paths in it that the set decides."""

    live: Path
    covered: tuple[Path, ...]
    folder: bool = True


@dataclass(frozen=True)
class Step:
    """The restore of one service. `consumers` stop before it and start after it, in this order: last first."""

    service: Service
    pieces: tuple[Piece, ...]
    roots: tuple[Root, ...]
    consumers: tuple[Service, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The names in the store of what it needs."""
        return tuple(
            f"{self.service.name}/{name}.age" for piece in self.pieces for name in piece.kept if name != OBJECTS
        )

    @property
    def objects(self) -> Mapping[str, Mapping[str, object]]:
        """Its objects by path."""
        return {
            path: entry
            for piece in self.pieces
            if piece.part.kind == "objects"
            for kept in piece.kept.values()
            for path, entry in kept.evidence.get("objects", {}).items()
        }

    @property
    def size(self) -> int:
        """Bytes that its data will take: twice the plaintext, as a database's dump is smaller than the database."""
        size = 2 * sum(kept.size for piece in self.pieces for kept in piece.kept.values())
        for piece in self.pieces:
            if piece.part.kind == "postgres":
                size += CLUSTER + sum(int(kept.evidence.get("bytes", 0)) for kept in piece.kept.values())
        return size


def steps(config: Config, manifest: Manifest, contents: Contents, wanted: Collection[str]) -> tuple[Step, ...]:
    """The services to restore, those first that others depend on. Raises BackupError with all that is in the way.

    + wanted: names of services; empty: all that the set has
    """
    faults = [
        f"{name} is not in the set: {_why(config, manifest, name)}" for name in wanted if name not in contents.services
    ]
    chosen = [name for name in contents.services if not wanted or name in wanted]
    order = [service.name for service in ordered(config, [service.name for service in config.services])]
    made = []
    for name in chosen:
        if name not in {service.name for service in config.services}:
            faults.append(f"{name} is in the set, but is no longer declared here")
            continue
        service = config.service(name)
        found, unknown = pieces(service, contents.services[name])
        faults += [f"{name}/{item} is in the set, but no part declares it" for item in unknown]
        if found:
            made.append(Step(service, found, roots(service, found), consumers(config, name)))
    if not made and not faults:
        faults.append("the set has no service's data")
    if faults:
        raise BackupError(f"set {manifest.id}", "\n".join(faults), "choose with --service what can be restored")
    return tuple(sorted(made, key=lambda step: order.index(step.service.name)))


def _why(config: Config, manifest: Manifest, name: str) -> str:
    if name in manifest.failed:
        return f"it failed then ({manifest.failed[name]})"
    if any(service.name == name and not service.parts for service in config.services):
        return "it has no data of its own"
    return "it was not backed up then"


def pieces(service: Service, kept: Mapping[str, Kept]) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """What the set has of each declared part, and the names that no part declares."""
    left = {name: value for name, value in kept.items() if name != KEYS}
    found = []
    for part in service.parts:
        mine = {name: value for name, value in left.items() if belongs(part, name)}
        left = {name: value for name, value in left.items() if name not in mine}
        if mine:
            found.append(Piece(part, mine))
    return tuple(found), tuple(left)


def belongs(part: Part, name: str) -> bool:
    """Is a file of a set (without `.age`) of this part?"""
    if part.kind == "postgres":
        return name == GLOBALS or (name.startswith(f"{part.name}-") and name.endswith(".dump"))
    if part.kind == "objects":
        return name == OBJECTS
    endings = {"sqlite": ("", ".sqlite"), "files": (".tar.zst",), "redis": (".rdb",)}
    return name in (part.name + ending for ending in endings[part.kind])


def roots(service: Service, found: Iterable[Piece]) -> tuple[Root, ...]:
    """What is replaced: the data directories that hold a part's paths, and single paths that lie in none."""
    places = {Path(place) for place in service.data.values()}
    covered: dict[Path, list[Path]] = {}
    files = set()
    for piece in found:
        for path in paths(service, piece.part):
            root = next((place for place in places if path == place or place in path.parents), path)
            covered.setdefault(root, []).append(path)
            if root not in places and piece.part.kind in ("sqlite", "files"):
                files.add(root)
    return tuple(Root(root, tuple(inside), root not in files) for root, inside in sorted(covered.items()))


def paths(service: Service, part: Part) -> tuple[Path, ...]:
    """The paths on the host that a part decides, with what belongs to them."""
    if part.kind == "postgres":
        return (database_folder(service),)
    if part.kind == "sqlite":
        return tuple(Path(part.path + ending) for ending in BESIDE_SQLITE)
    return tuple(Path(path) for path in part.paths or (part.path,))


def database_folder(service: Service) -> Path:
    """The host's folder of a service's PostgreSQL cluster. Raises BackupError when that cannot be told."""
    places = [place for target, place in service.data.items() if target.startswith("/var/lib/postgresql")]
    places = places or list(service.data.values())
    if len(places) != 1:
        raise BackupError(f"services/{service.name}/data", "does not say where the cluster is", "deploy the backups")
    return Path(places[0])


def consumers(config: Config, name: str) -> tuple[Service, ...]:
    """All services that depend on one, directly or not; those first on which none of the others depends."""
    found: set[str] = set()
    while more := {s.name for s in config.services if {name, *found} & set(s.depends)} - found - {name}:
        found |= more
    return tuple(reversed(ordered(config, sorted(found))))


def ordered(config: Config, names: Sequence[str]) -> tuple[Service, ...]:
    """These services, each after those of them that it depends on. Raises BackupError for a circle."""
    by_name = {service.name: service for service in config.services}
    done: list[str] = []

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            raise BackupError("services", f"depend on each other: {' → '.join((*way, name))}", "deploy the backups")
        if name in done or name not in by_name:
            return
        for other in by_name[name].depends:
            visit(other, (*way, name))
        done.append(name)

    for name in names:
        visit(name, ())
    return tuple(by_name[name] for name in done if name in names)


def with_dependencies(config: Config, name: str) -> tuple[Service, ...]:
    """A service after all that it depends on, directly or not. Raises BackupError for one that is not declared."""
    needed = [name]
    for each in needed:
        needed += [other for other in config.service(each).depends if other not in needed]
    return ordered(config, needed)
