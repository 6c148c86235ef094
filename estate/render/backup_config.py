"""The backups' config.json: what files/backup/estate_backup/config.py reads. It names secrets and holds none."""

import json
from collections.abc import Iterable
from typing import Any

from estate.models.backup import (
    ROOT,
    Backup,
    BackupSettings,
    DirectoryStore,
    Files,
    NoBackup,
    Part,
    PostgresDump,
    Store,
)
from estate.models.base import format_size
from estate.models.host import StackHost
from estate.models.service import Service
from estate.models.stack import Stack
from estate.render.compose import placed
from estate.render.release import data_path

PROBED = "infisical"
"""The service whose probe is given something of its own to log in with."""


def backups_dir(stack: Stack) -> str:
    """Where program, configuration, state and the local sets lie on the host."""
    return f"{stack.settings.root}/backups"


def secrets_dir(stack: Stack) -> str:
    """Where the backups' own secrets lie."""
    return f"{stack.secrets_dir}/backup"


def key_path(stack: Stack, name: str) -> str:
    """Where a key lies that belongs to the sets of some service."""
    return f"{secrets_dir(stack)}/keys/{name}"


def keys_of(stack: Stack) -> tuple[str, ...]:
    """The secrets that belong to sets."""
    backups = (service.backup for service in stack.services)
    return tuple(sorted({name for backup in backups if isinstance(backup, Backup) for name in backup.secrets}))


def _on_host(stack: Stack, path: str) -> str:
    if path.startswith(f"{ROOT}/"):
        return stack.settings.root + path.removeprefix(ROOT)
    return data_path(stack, path)


def _part(stack: Stack, part: Part) -> dict[str, Any]:
    found = part.model_dump(mode="json") | {"name": part.name}
    if isinstance(part, Files):
        return found | {"paths": [_on_host(stack, path) for path in part.paths]}
    if isinstance(part, PostgresDump):
        return found
    return found | {"path": _on_host(stack, part.path)}


def _serves(stack: Stack, service: Service) -> set[str]:
    """Services whose kept folders this one has mounted: one that is put in another's place is not seen through it."""
    sources = [mount.source for mount in service.mounts]
    kept = [
        (other.name, _on_host(stack, path))
        for other in stack.services
        if other.name != service.name and isinstance(other.backup, Backup)
        for part in other.backup.parts
        if isinstance(part, Files)
        for path in part.paths
    ]
    return {name for name, path in kept if any(f"{source}/".startswith(f"{path}/") for source in sources)}


def _depends(stack: Stack, service: Service) -> list[str]:
    """What has to be in place before the service can run.

    Of its dependencies those with data, those that it says it needs, and those whose files it serves.
    """
    if service.image is None:
        return []
    providers = {alias: s.name for s in stack.containers for alias in (s.name, *s.aliases)}
    depends = [providers[name] for name in service.depends_on if name in providers]
    with_data = [name for name in depends if isinstance(stack.service(name).backup, Backup)]
    needs = (providers[name] for name in service.backup.needs if name in providers)
    return sorted({*with_data, *needs, *_serves(stack, service)})


def chosen(stack: Stack) -> tuple[Service, ...]:
    """The services that matter to backups: those with data, those that use them, and what a drill needs beside them."""
    direct = {s.name for s in stack.services if isinstance(s.backup, Backup) or _depends(stack, s)}
    needed = {name for name in direct for name in _depends(stack, stack.service(name))}
    return tuple(service for service in stack.services if service.name in direct | needed)


def _bounds(service: Service) -> dict[str, Any]:
    """What a drill may take of the host, and the seconds that it waits for the service."""
    found: dict[str, Any] = {}
    if service.limits:
        found |= {
            "memory": format_size(service.limits.memory),
            "cpus": service.limits.cpus,
            "pids": service.limits.pids,
        }
    if service.health:
        found["timeout"] = max(180, 2 * service.health.start_period)
    return found


def _drill(stack: Stack, service: Service) -> dict[str, Any]:
    """What it takes to start the service's image without Compose; secrets in it are names (${NAME} of .env)."""
    starts = service.image is not None and not (isinstance(service.backup, Backup) and not service.backup.starts)
    if not starts:
        return {"start": False}
    secrets = f"{stack.secrets_dir}/{service.name}" if service.secret_files else ""
    if service.name == PROBED:
        secrets = f"{secrets_dir(stack)}/{service.name}"
    return {
        "start": True,
        "environment": {name: placed(stack, value) for name, value in sorted(service.environment.items())},
        "entrypoint": [placed(stack, word) for word in service.entrypoint],
        "command": [placed(stack, word) for word in service.command],
        "tmpfs": list(service.tmpfs),
        "config": f"{stack.compose_dir}/{service.name}" if service.config else "",
        "config_target": service.config.target if service.config else "",
        "secrets": secrets,
        "health": [placed(stack, word) for word in service.health.test] if service.health else [],
        "aliases": list(service.aliases),
        "cap_add": list(service.cap_add),
        "read_only": service.read_only,
        "shm_size": format_size(service.shm_size) if service.shm_size else "",
        **_bounds(service),
    }


def _service(stack: Stack, service: Service) -> dict[str, Any]:
    backup: Backup | NoBackup = service.backup
    parts = backup.parts if isinstance(backup, Backup) else ()
    keys = backup.secrets if isinstance(backup, Backup) else ()
    return {
        "name": service.name,
        "container": service.name if service.image else "",
        "image": str(service.image) if service.image else "",
        "user": service.user,
        "data": {data.target: data_path(stack, data.path) for data in service.data},
        "parts": [_part(stack, part) for part in parts],
        "keys": {name: key_path(stack, name) for name in keys},
        "probe": backup.probe if isinstance(backup.probe, str) else list(backup.probe),
        "depends": _depends(stack, service),
        "drill": _drill(stack, service),
    }


def _store(store: Store) -> dict[str, Any]:
    found: dict[str, Any] = {"name": store.name, "kind": store.kind, "kinds": list(store.kinds)}
    if not isinstance(store, DirectoryStore):
        return found | {"remote": store.remote, "readable": store.readable}
    found |= {"path": store.path, "keep_newest": store.keep_newest}
    if store.mount:
        found |= {"mount": store.mount, "filesystems": list(store.filesystems)}
    return found


def config_json(host: StackHost, stack: Stack, settings: BackupSettings, recipients: Iterable[str]) -> str:
    """The text of config.json.

    The commit is left out: the host program takes it from the deploy's journal, or every commit would change this file.
    """
    document = {
        "host": host.name,
        "project": stack.settings.project,
        "root": stack.settings.root,
        "commit": "",
        "recipients": list(recipients),
        "bandwidth": settings.bandwidth,
        "transfers": settings.transfers,
        "spool_reserve": settings.spool_reserve,
        "stores": [_store(store) for store in settings.stores],
        "retention": settings.retention.model_dump(),
        "services": [_service(stack, service) for service in chosen(stack)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
