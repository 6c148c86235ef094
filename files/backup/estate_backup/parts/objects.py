"""Objects: each file of an object store is encrypted on its own and kept once, in the pool that all sets share."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

from estate_backup.manifest import OBJECTS, Part
from estate_backup.parts.files import walk
from estate_backup.parts.job import Job, Made

TRIES = 3


def collect(job: Job) -> Made:
    """Bring every object into the pool; the evidence is their map. Raises BackupError when one never holds still."""
    root, started = Path(job.part.path), time.monotonic()
    if not root.is_dir():
        raise job.fault(f"{root} is missing", "see the service, or declare another path")
    found: dict[str, dict[str, Any]] = {}
    folders = []
    for path in walk(sorted(root.iterdir())):
        name = str(path.relative_to(root))
        if path.is_dir() and not path.is_symlink():
            folders.append(name)
        elif path.is_file() and not path.is_symlink() and (entry := _one(job, path)):
            found[name] = entry
    job.pool.flush()
    lines = "".join(f"{name}\0{entry['sha256']}\n" for name, entry in sorted(found.items()))
    size = sum(entry["size"] for entry in found.values())
    job.tell(OBJECTS, size, started)
    digest = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    return {OBJECTS: Part(size, digest, {"objects": found, "directories": folders})}


def _one(job: Job, path: Path) -> dict[str, Any] | None:
    """One object's entry; None when it was deleted meanwhile."""
    for attempt in range(TRIES):
        try:
            before = path.stat()
            sha = job.pool.sha256(path, before)
            kept = job.pool.keep(path, sha)
            after = path.stat()
        except FileNotFoundError:
            return None
        if kept and _same(before, after):
            return {"object": kept, "size": before.st_size, "sha256": sha, "mtime": before.st_mtime}
        job.pool.forget(path)
        time.sleep(0.5 + attempt)
    raise job.fault(f"{path} changes while it is read", "run the backup when its upload has ended")


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)
