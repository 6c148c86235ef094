"""Backups as declarations: what of a service goes into a set, and where a host's sets go.

What makes them: files/backup/estate_backup on the host. The seed's figures: seed 000, chapter 6.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from estate.models.base import AbsolutePath, Frozen, Name, SecretName, Size

Kind = Literal["daily", "weekly", "manual", "pre-migration", "pre-restore"]
"""What a set was made for: by a timer, by hand, before a risky change, before a restore."""
SAFETY: Kind = "pre-restore"
"""What a restore puts away: made by it alone, and never "the newest"."""
MADE_KINDS: tuple[Kind, ...] = ("daily", "weekly", "manual", "pre-migration")
ALL_KINDS: tuple[Kind, ...] = (*MADE_KINDS, SAFETY)
ROOT = "@root@"
"""Stands for the stack's root directory at the beginning of a path."""
_RESERVED = ("keys", "globals", "contents")


def _check_path(value: str) -> str:
    path = value.removeprefix(f"{ROOT}/")
    if value.startswith("/") or ".." in path.split("/") or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", path):
        raise ValueError(f'"{value}" is neither DIRECTORY/… below the stack\'s data, nor {ROOT}/…')
    return value.rstrip("/")


DataPath = Annotated[str, AfterValidator(_check_path)]
"""A path of a service's data: "vaultwarden/db.sqlite3" begins with one of its data directories; or "@root@/docs"."""
PartName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,40}$")]
OnCalendar = Annotated[str, Field(pattern=r"^[A-Za-z0-9*,./:~ -]+$")]
"""When, in systemd's words (systemd.time(7), "Calendar events")."""


class PostgresDump(Frozen):
    """Every database of a PostgreSQL in one snapshot, and the roles.

    + user_env, database_env: in which variables of the container its owner role and database stand
    """

    kind: Literal["postgres"] = "postgres"
    name: PartName = "postgres"
    user_env: str = "POSTGRES_USER"
    database_env: str = "POSTGRES_DB"


class SqliteFile(Frozen):
    """A SQLite database in use: copied by its online backup, never as a file."""

    kind: Literal["sqlite"] = "sqlite"
    path: DataPath

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]


class Files(Frozen):
    """Files and directories as they are.

    + optional: those that exist; otherwise one that is missing is a fault of the backup
    """

    kind: Literal["files"] = "files"
    name: PartName = "files"
    paths: tuple[DataPath, ...] = Field(min_length=1)
    optional: bool = False


class Objects(Frozen):
    """A directory of many files that each go once, however many sets name them."""

    kind: Literal["objects"] = "objects"
    name: PartName = "objects"
    path: DataPath


class RedisSave(Frozen):
    """A Redis: what BGSAVE writes.

    + path: its data directory
    + password_file: in the container
    """

    kind: Literal["redis"] = "redis"
    name: PartName = "redis"
    path: DataPath
    password_file: AbsolutePath = "/run/secrets/password"  # noqa: S105 - a path


Part = PostgresDump | SqliteFile | Files | Objects | RedisSave
Probe = str | tuple[str, ...]
"""A line of shell in the container, or words for an image that has no shell; it succeeds when the data are served.
What it prints is kept as evidence, so it prints no value."""


class Backup(Frozen):
    """What a set holds of a service, and how it is proven.

    + secrets: keys without which the data cannot be read; they belong to the set
    + probe: asks the running service for its data, after a restore and in every drill
    + skips: what of its data is left out, each with the reason
    + needs: services without data that it cannot start without, besides those in `depends_on` that have a backup
    + starts: whether a drill starts it; what is only files is proven by their hashes
    """

    parts: tuple[Annotated[Part, Field(discriminator="kind")], ...] = Field(min_length=1)
    secrets: tuple[SecretName, ...] = ()
    probe: Probe = ""
    skips: dict[DataPath, Annotated[str, Field(min_length=8)]] = Field(default_factory=dict)
    needs: tuple[Name, ...] = ()
    starts: bool = True

    @model_validator(mode="after")
    def _names(self) -> "Backup":
        names = [part.name for part in self.parts]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'two parts are named "{name}"; give each its own name')
            if name in _RESERVED:
                raise ValueError(f'"{name}" is a name that sets use themselves')
        return self


class NoBackup(Frozen):
    """Why there is nothing to keep.

    + probe: proves the data of the services that it depends on: their drill starts it as well
    + needs: services without data that it cannot start without
    """

    reason: str = Field(min_length=8)
    probe: Probe = ""
    needs: tuple[Name, ...] = ()


class RcloneStore(Frozen):
    """A bucket that rclone reaches: Backblaze B2 natively, or anything that speaks S3.

    + path: a folder in the bucket
    + endpoint, region, provider: of S3 only (facts/apis.md, 7)
    + key_id, key_secret: the names of the secrets that let in
    + readable: False when the key may only write: then nothing can be checked, drilled or pruned there
    + kinds: which sets go there
    """

    kind: Literal["rclone"] = "rclone"
    name: Name
    type: Literal["b2", "s3"] = "b2"
    bucket: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{1,62}$")
    path: str = Field(default="", pattern=r"^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$")
    endpoint: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._/-]*)?)?$")
    region: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    provider: str = Field(default="Other", pattern=r"^[A-Za-z0-9]+$")
    key_id: SecretName = "B2_KEY_ID"
    key_secret: SecretName = "B2_KEY_SECRET"  # noqa: S105 - a name
    readable: bool = True
    kinds: tuple[Kind, ...] = Field(default=("daily", "weekly"), min_length=1)

    @property
    def remote(self) -> str:
        """The store as rclone names it."""
        return f"{self.name}:{self.bucket}" + (f"/{self.path}" if self.path else "")


class DirectoryStore(Frozen):
    """A directory: on the host's own disk, or on a file system that has to be mounted.

    + mount: where that file system is mounted; the store counts as away while it is not
    + source: what to mount there ("omv.home.arpa:/export/backups"); empty: somebody else mounts it
    + filesystems: the types that the mount may have; with "nfs" among them it is an NFS store
    + keep_newest: sets to keep of each kind; 0: as the retention says
    """

    kind: Literal["directory"] = "directory"
    name: Name
    path: AbsolutePath
    mount: AbsolutePath | None = None
    source: str = Field(default="", pattern=r"^([A-Za-z0-9.-]+:/[A-Za-z0-9._/-]*)?$")
    filesystems: tuple[Name, ...] = ()
    keep_newest: int = Field(default=0, ge=0)
    kinds: tuple[Kind, ...] = Field(default=ALL_KINDS, min_length=1)

    @property
    def is_nfs(self) -> bool:
        """Whether it lies on another machine."""
        return bool(self.source) or any(name.startswith("nfs") for name in self.filesystems)


Store = RcloneStore | DirectoryStore


class Retention(Frozen):
    """How many sets stay in a store; a weekly one that is a month's first also counts as monthly.

    + max_deletions: sets that one run may remove
    """

    daily: int = Field(default=7, ge=0)
    weekly: int = Field(default=4, ge=0)
    monthly: int = Field(default=6, ge=0)
    max_deletions: int = Field(default=5, ge=1)


class Schedules(Frozen):
    """When each timer runs, in the host's time; `delay`: up to this many seconds later, by chance."""

    daily: OnCalendar = "*-*-* 02:30:00"
    weekly: OnCalendar = "Sun *-*-* 03:30:00"
    check: OnCalendar = "Wed *-*-* 04:30:00"
    drill: OnCalendar = "Sun *-*-* 05:30:00"
    delay: int = Field(default=900, ge=0, le=6 * 3600)


class DrillSettings(Frozen):
    """How old the newest proof may be, in days.

    + warn_after: an older one, or one that failed, is a warning of every deploy
    + refuse_after: with an older one a service that declares a migration gets no new image; 0: it does
      (docs/decisions/0020-proof-before-migration.md)
    """

    warn_after: int = Field(default=8, ge=1)
    refuse_after: int = Field(default=8, ge=0)


class BackupSettings(Frozen):
    """A host's backups: where to, how long, when.

    + bandwidth: bytes a second for what leaves the host ("10M"), 0: no limit
    + spool_reserve: bytes that a run leaves free on the host's disk
    """

    stores: tuple[Annotated[Store, Field(discriminator="kind")], ...] = Field(min_length=1)
    retention: Retention = Retention()
    schedules: Schedules = Schedules()
    drill: DrillSettings = DrillSettings()
    bandwidth: str = Field(default="0", pattern=r"^(0|[0-9]+(\.[0-9]+)?[KMG])$")
    transfers: int = Field(default=4, ge=1, le=32)
    spool_reserve: Size = 2 * 1024**3

    @property
    def rclone_stores(self) -> tuple[RcloneStore, ...]:
        """The stores that need credentials."""
        return tuple(store for store in self.stores if isinstance(store, RcloneStore))

    @property
    def nfs_stores(self) -> tuple[DirectoryStore, ...]:
        """The stores on another machine's disk."""
        return tuple(store for store in self.stores if isinstance(store, DirectoryStore) and store.is_nfs)
