"""What config.json says, read into frozen dataclasses; every fault of it at once. There is no secret in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from estate_backup.errors import BackupError, ConfigError

SAFETY = "pre-restore"
"""What a restore is about to replace, often spoiled data: such a set raises no alarm, is never "the newest", and says
nothing of how much later sets should hold."""
KINDS = ("daily", "weekly", "manual", "pre-migration", SAFETY)
PART_KINDS = ("postgres", "sqlite", "files", "objects", "redis")
STORE_KINDS = ("rclone", "directory")
ID_TIME = "%Y-%m-%dT%H%M%SZ"
"""A set's id is when it began, UTC."""
SET_ID = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}Z")
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One thing of a service that a set holds.

    + kind: one of PART_KINDS; which of the other fields count depends on it
    + optional: of files, those that are not there are left out
    + password_file: in the container
    """

    kind: str
    name: str
    path: str = ""
    paths: tuple[str, ...] = ()
    optional: bool = False
    user_env: str = "POSTGRES_USER"
    database_env: str = "POSTGRES_DB"
    password_file: str = ""


@dataclass(frozen=True)
class Service:
    """One service: where its data are, what of them a set holds, and how a restored one is proven.

    + container: empty: there is nothing to start
    + parts: empty: it keeps nothing, but a drill of the services that it depends on needs it
    + probe: a line for `sh -c` in the container, or the words of a command where there is no shell
    """

    name: str
    container: str
    image: str = ""
    user: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    probe: str | tuple[str, ...] = ""
    depends: tuple[str, ...] = ()
    drill: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoreConfig:
    """One place that sets are shipped to.

    + readable: false: the key may only write; such a store is never listed, checked or pruned
    + mount, filesystems: of a directory: the mount point that it must really be below, and of which types
    + keep_newest: 0: the retention; else so many sets of each kind are kept here
    """

    name: str
    kind: str
    remote: str = ""
    path: str = ""
    readable: bool = True
    kinds: tuple[str, ...] = KINDS
    keep_newest: int = 0
    mount: str = ""
    filesystems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retention:
    """How many sets are kept; `max_deletions` bounds what one run removes from one store."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 6
    max_deletions: int = 5


@dataclass(frozen=True)
class Config:
    """The host's backups. `bandwidth` is rclone's --bwlimit, `spool_reserve` bytes that stay free on the disk."""

    host: str
    root: Path
    recipients: tuple[str, ...]
    stores: tuple[StoreConfig, ...]
    services: tuple[Service, ...]
    project: str = ""
    commit: str = ""
    bandwidth: str = "0"
    transfers: int = 4
    spool_reserve: int = 1 << 30
    retention: Retention = Retention()
    lock: Path = Path("/run/lock/estate-backup.lock")

    @property
    def base(self) -> Path:
        """The folder of the backups."""
        return self.root / "backups"

    @property
    def work(self) -> Path:
        """The spool: what is in it belongs to the run that holds the lock."""
        return self.base / "work"

    @property
    def spool(self) -> Path:
        """What of `work` a backup uses: a restore that takes its safety set has other things there."""
        return self.work / "run"

    @property
    def state(self) -> Path:
        """What is kept between the runs."""
        return self.base / "state"

    @property
    def metrics(self) -> Path:
        """The file of node_exporter's textfile collector."""
        return self.base / "metrics" / "estate_backup.prom"

    @property
    def public_key(self) -> Path:
        """Verifies manifests."""
        return self.base / "signing.pub"

    @property
    def secrets(self) -> Path:
        """The folder of the backup's own secrets."""
        return self.root / "secrets" / "backup"

    @property
    def rclone_conf(self) -> Path:
        """The stores' credentials."""
        return self.secrets / "rclone.conf"

    @property
    def identity(self) -> Path:
        """Opens sets."""
        return self.secrets / "identity"

    @property
    def signing_key(self) -> Path:
        """Signs manifests."""
        return self.secrets / "signing.pem"

    def service(self, name: str) -> Service:
        """Return a service. Raises BackupError when there is none of that name."""
        for service in self.services:
            if service.name == name:
                return service
        raise BackupError(
            f"services/{name}", "is not declared", f"one of: {', '.join(item.name for item in self.services)}"
        )

    def store(self, name: str) -> StoreConfig:
        """Return a store. Raises BackupError when there is none of that name."""
        for store in self.stores:
            if store.name == name:
                return store
        raise BackupError(
            f"stores/{name}", "is not declared", f"one of: {', '.join(item.name for item in self.stores)}"
        )


def load(path: Path) -> Config:
    """Read config.json. Raises ConfigError with all that is wrong with it."""
    from estate_backup.config_faults import faults_of

    try:
        given = json.loads(path.read_text())
    except OSError as fault:
        raise ConfigError(path, [f"cannot be read: {fault.strerror}; deploy the backups"]) from None
    except ValueError as fault:
        raise ConfigError(path, [f"is not JSON: {fault}"]) from None
    if not isinstance(given, dict):
        raise ConfigError(path, ["is not a JSON object"])
    faults: list[str] = []
    config = _config(given, faults)
    if config is not None:
        faults += faults_of(config)
    if faults or config is None:
        raise ConfigError(path, faults)
    return config


def _config(given: Mapping[str, Any], faults: list[str]) -> Config | None:
    plain: dict[str, Any] = dict(given)
    plain["stores"] = _each(StoreConfig, given.get("stores"), "stores", faults)
    plain["retention"] = build(Retention, given.get("retention", {}), "retention", faults) or Retention()
    services = []
    for value in given.get("services") or ():
        at = f"services/{value.get('name', '?') if isinstance(value, dict) else '?'}"
        if isinstance(value, dict):
            value = {**value, "parts": _each(Part, value.get("parts"), f"{at}/parts", faults)}
        services.append(build(Service, value, at, faults))
    plain["services"] = tuple(item for item in services if item)
    for key in ("root", "lock"):
        if isinstance(plain.get(key), str):
            plain[key] = Path(plain[key])
    return build(Config, plain, "", faults)


def _each(kind: type[T], values: Any, at: str, faults: list[str]) -> tuple[T, ...]:
    built = (build(kind, value, f"{at}/{number}", faults) for number, value in enumerate(values or ()))
    return tuple(item for item in built if item)


def build(kind: type[T], value: Any, at: str, faults: list[str]) -> T | None:
    """Make a dataclass of an object of JSON; note unknown, missing and wrongly typed keys in `faults`."""
    at = f"{at}/" if at else ""
    if not isinstance(value, dict):
        faults.append(f"{at.rstrip('/') or 'config.json'}: is not an object")
        return None
    before = len(faults)
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    faults += [f"{at}{key}: unknown key" for key in sorted(set(value) - set(known))]
    for name, item in known.items():
        if name not in value:
            if item.default is MISSING and item.default_factory is MISSING:
                faults.append(f"{at}{name}: is missing")
        elif not isinstance(value[name], _accepted(str(item.type))):
            faults.append(f"{at}{name}: is a {type(value[name]).__name__}, not {item.type}")
    if len(faults) > before:
        return None
    return kind(**{key: tuple(entry) if isinstance(entry, list) else entry for key, entry in value.items()})


def _accepted(annotation: str) -> tuple[type, ...]:
    """The types of JSON that a field takes, by its annotation."""
    table: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "bool": (bool,), "Path": (Path,)}
    if annotation.startswith("str |"):
        return (str, list, tuple)
    if annotation.startswith("tuple"):
        return (list, tuple)
    if annotation.startswith("Mapping"):
        return (dict,)
    return table.get(annotation, (object,))
