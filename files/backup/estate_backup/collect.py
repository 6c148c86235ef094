"""Brings each service's parts and keys into the spool, encrypted. One that fails does not stop the others."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from estate_backup import crypt
from estate_backup.config import Config, Service
from estate_backup.errors import BackupError
from estate_backup.manifest import KEYS, Part
from estate_backup.parts import COLLECT, Job
from estate_backup.pool import Pool

LOG = logging.getLogger("estate-backup")
Collected = dict[str, dict[str, Part]]


def collect(
    config: Config, services: Sequence[Service], folder: Path, pool: Pool, failed: Callable[[str, str], None]
) -> Collected:
    """Collect services into folder/SERVICE. `failed` is told a service and why; what it left is removed."""
    made: Collected = {}
    for service in services:
        try:
            made[service.name] = _service(config, service, folder / service.name, pool)
        except (BackupError, OSError) as fault:
            text = str(fault) if isinstance(fault, BackupError) else f"services/{service.name}: {fault}"
            LOG.error("%s", text)
            failed(service.name, text)
            _clear(folder / service.name)
    return made


def _service(config: Config, service: Service, folder: Path, pool: Pool) -> dict[str, Part]:
    folder.mkdir(parents=True, mode=0o700)
    scratch = config.spool / "scratch"
    scratch.mkdir(exist_ok=True, mode=0o700)
    made: dict[str, Part] = {}
    for part in service.parts:
        found = COLLECT[part.kind](Job(config, service, part, folder, scratch, pool))
        if twice := set(found) & set(made):
            raise BackupError(f"services/{service.name}", f"two parts make {min(twice)}", "name them otherwise")
        made |= found
    if service.keys:
        made[KEYS] = _keys(config, service, folder)
    if not made:
        raise BackupError(f"services/{service.name}", "nothing of it is there", "see the service and its paths")
    return made


def _keys(config: Config, service: Service, folder: Path) -> Part:
    """The keys without which the data cannot be read."""
    values: dict[str, str] = {}
    for name, path in service.keys.items():
        try:
            values[name] = Path(path).read_text()
        except (OSError, UnicodeDecodeError):
            raise BackupError(
                f"services/{service.name}/keys/{name}", f"{path} cannot be read", "deploy the backups"
            ) from None
        if not values[name].strip():
            raise BackupError(f"services/{service.name}/keys/{name}", f"{path} is empty", "deploy the backups")
    flow = crypt.encrypt_text(json.dumps(values), folder / f"{KEYS}.age", config)
    return Part(flow.size, flow.sha256, {"keys": {name: fingerprint(value) for name, value in values.items()}})


def fingerprint(value: str) -> str:
    """What tells two keys apart, and nothing more: 8 hexadecimal digits of the sha256, without a final newline."""
    return hashlib.sha256(value.rstrip("\n").encode()).hexdigest()[:8]


def _clear(folder: Path) -> None:
    for path in folder.glob("*") if folder.is_dir() else ():
        path.unlink()
