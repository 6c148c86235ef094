"""What is kept between runs: JSON files below ROOT/backups/state, each written whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from estate_backup.config import Config
from estate_backup.errors import BackupError

LAST = "last.json"
"""sequence, newest, arrived (by store), floors, candidates (floors of sets that may be accepted), accepted"""
OBJECTS = "objects.json"
"""known: plaintext sha256 → ciphertext and its size; sent: what write-only stores hold; files: hashes by path"""
SPOILED = "spoiled.json"
"""store → objects that a check found altered there"""
CHECKS = "checks.json"
"""store → its last check"""
PROVEN = "proven.json"
RESTORING = "restoring.json"
METRICS = "metrics.json"
RUNS = "runs.jsonl"


def load(path: Path) -> dict[str, Any]:
    """Read a JSON object; {} when there is no such file. Raises BackupError when it cannot be read."""
    try:
        given = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as fault:
        raise BackupError(path, f"cannot be read: {fault}", "move it away; the next run starts it anew") from None
    if not isinstance(given, dict):
        raise BackupError(path, "is not a JSON object", "move it away; the next run starts it anew")
    return given


def save(path: Path, value: object, mode: int = 0o600) -> None:
    """Write JSON: a temporary file beside it, fsync, rename."""
    write(path, json.dumps(value, indent=1, sort_keys=True) + "\n", mode)


def update(path: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Read, change and save a JSON object; a check, a drill and a backup may do so at once. Returns what was saved."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (path.parent / f".{path.name}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        value = load(path)
        change(value)
        save(path, value)
    return value


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a text whole or not at all, and see it on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as target:
            target.write(text)
            target.flush()
            os.fchmod(target.fileno(), mode)
            os.fsync(target.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """See a folder's entries on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append(path: Path, value: object, keep: int = 2000) -> None:
    """Add a line of JSON; of more than `keep` lines the newest stay."""
    lines = path.read_text().splitlines() if path.is_file() else []
    write(path, "\n".join([*lines[-(keep - 1) :], json.dumps(value, sort_keys=True)]) + "\n")


def last(config: Config) -> dict[str, Any]:
    """Read last.json."""
    return load(config.state / LAST)


def proven(config: Config) -> dict[str, Any]:
    """Read the drills: set id → {"at", "ok", "store", …}."""
    return load(config.state / PROVEN)
