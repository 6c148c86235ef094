"""Checks of backups: nothing stateful is left out by accident, and every store can be what it says (pure)."""

from collections.abc import Iterator

from estate.models.backup import (
    ALL_KINDS,
    ROOT,
    Backup,
    BackupSettings,
    DirectoryStore,
    Files,
    Part,
    PostgresDump,
    RcloneStore,
    RedisSave,
)
from estate.models.backup_secrets import backup_specs
from estate.models.faults import Fault, did_you_mean
from estate.models.host import StackHost
from estate.models.service import Service
from estate.models.stack import Stack


def check(host: StackHost, stack: Stack, where: str) -> list[Fault]:
    """Every fault of the stack's backups on this host; `where` begins their paths."""
    faults = [fault for service in stack.services for fault in _service(stack, service, where)]
    kept = [service.name for service in stack.services if isinstance(service.backup, Backup)]
    if host.backups is None:
        if kept:
            remedy = "say where to (stores), or declare NoBackup with a reason for each"
            faults.append(Fault(f"{where}/backups", f"missing, and {len(kept)} services declare a backup", remedy))
        return faults
    return [*faults, *_keys(host.backups, stack, where), *_settings(host.backups, f"{where}/backups")]


def paths_of(part: Part) -> tuple[str, ...]:
    """What a part reads, as declared; of a database server only its directory is known, and none is named."""
    if isinstance(part, Files):
        return part.paths
    return () if isinstance(part, PostgresDump) else (part.path,)


def covered(service: Service) -> set[str]:
    """The service's data directories that a part reads something of, or that are skipped as a whole with a reason."""
    if not isinstance(service.backup, Backup):
        return {data.path for data in service.data}
    found = {path.split("/")[0] for part in service.backup.parts for path in paths_of(part)}
    found |= {path for path in service.backup.skips if "/" not in path}
    if any(isinstance(part, PostgresDump) for part in service.backup.parts):
        found |= {data.path for data in service.data if data.target.startswith("/var/lib/postgresql")}
    return found


def _service(stack: Stack, service: Service, where: str) -> Iterator[Fault]:
    path = f"{where}/services/{service.name}/backup"
    for data in service.data:
        if data.path not in covered(service):
            remedy = "add a part that reads it, or name it in skips with the reason"
            yield Fault(f"{path}/{data.path}", "no part covers this data directory", remedy)
    names = {alias for s in stack.services for alias in (s.name, *s.aliases)}
    for name in service.backup.needs:
        if name not in names:
            yield Fault(f"{path}/needs/{name}", "no such service here", did_you_mean(name, names))
    if isinstance(service.backup, Backup):
        yield from _parts(service, service.backup, path)


def _parts(service: Service, backup: Backup, path: str) -> Iterator[Fault]:
    own = {data.path for data in service.data}
    named = [(p, f"parts/{part.name}") for part in backup.parts for p in paths_of(part)]
    for name, at in [*named, *((p, "skips") for p in backup.skips)]:
        if not name.startswith(f"{ROOT}/") and name.split("/")[0] not in own:
            known = ", ".join(sorted(own)) or f"none, so begin with {ROOT}/"
            yield Fault(f"{path}/{at}", f"{name} is in no data directory of the service", f"its own are {known}")
    for part in backup.parts:
        if isinstance(part, PostgresDump):
            missing = {part.user_env, part.database_env} - service.environment.keys()
            for name in sorted(missing):
                remedy = "name the variables that say its owner and database"
                yield Fault(f"{path}/parts/{part.name}", f"the environment has no {name}", remedy)
        if isinstance(part, RedisSave):
            files = {f"/run/secrets/{item.path}" for item in service.secret_files}
            if part.password_file not in files:
                fault = f"{part.password_file} is not among the service's secret files"
                yield Fault(f"{path}/parts/{part.name}/password_file", fault, "name one of them")


def _keys(settings: BackupSettings, stack: Stack, where: str) -> Iterator[Fault]:
    """Keys of sets, and the stores' own."""
    declared, own = stack.secrets(), backup_specs(settings)
    for service in stack.services:
        for name in service.backup.secrets if isinstance(service.backup, Backup) else ():
            if name not in declared:
                path = f"{where}/services/{service.name}/backup/secrets/{name}"
                yield Fault(path, "is not a secret of any service here", did_you_mean(name, declared))
    for name in sorted(own.keys() & declared.keys()):
        users = ", ".join(stack.consumers(name))
        yield Fault(f"{where}/backups", f"{name} is {users}'s own secret", "give the store a key of its own")
    for store in settings.rclone_stores:
        if store.key_id == store.key_secret:
            path = f"{where}/backups/stores/{store.name}"
            yield Fault(path, f"{store.key_id} cannot be both key_id and key_secret", "name two secrets")


def _settings(settings: BackupSettings, where: str) -> Iterator[Fault]:
    names = [store.name for store in settings.stores]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(f"{where}/stores/{name}", "two stores have this name", "give each its own")
    places = [s.path if isinstance(s, DirectoryStore) else s.remote.partition(":")[2] for s in settings.stores]
    for place in sorted({place for place in places if places.count(place) > 1}):
        yield Fault(f"{where}/stores", f"two stores are at {place}", "a second copy belongs somewhere else")
    for store in settings.stores:
        path = f"{where}/stores/{store.name}"
        yield from _directory(store, path) if isinstance(store, DirectoryStore) else _bucket(store, path)
    taken = {kind for store in settings.stores for kind in store.kinds}
    for kind in ALL_KINDS:
        if kind not in taken:
            yield Fault(f"{where}/stores", f"none takes {kind} sets", "add it to the kinds of one")
    if all(isinstance(store, DirectoryStore) and store.mount is None for store in settings.stores):
        yield Fault(f"{where}/stores", "all are on the host's own disk", "add one that outlives the host")
    for name in ("daily", "weekly"):
        if getattr(settings.retention, name) < 1:
            yield Fault(f"{where}/retention/{name}", "keeps nothing: the newest set would go", "keep 1 at least")


def _bucket(store: RcloneStore, path: str) -> Iterator[Fault]:
    if store.type == "s3" and not store.endpoint:
        yield Fault(f"{path}/endpoint", "missing", "S3 needs it: https://s3.REGION.backblazeb2.com, say")
    if store.type == "b2" and (store.endpoint or store.region):
        yield Fault(f"{path}/endpoint", "B2's own protocol knows none", 'leave it out, or set "type": "s3"')


def _directory(store: DirectoryStore, path: str) -> Iterator[Fault]:
    if store.mount is None:
        if store.is_nfs:
            remedy = "say where it is mounted: without that an empty directory would take its place"
            yield Fault(f"{path}/mount", "an NFS store without a mount", remedy)
        return
    if not f"{store.path}/".startswith(f"{store.mount.rstrip('/')}/"):
        yield Fault(f"{path}/path", f"{store.path} is not below {store.mount}", "put it there")
    if not store.filesystems:
        remedy = 'name the types that it may have: ["nfs", "nfs4"], say'
        yield Fault(f"{path}/filesystems", "missing", remedy)
