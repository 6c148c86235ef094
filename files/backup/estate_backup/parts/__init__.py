"""What a set holds of a service, a module a kind: each writes ciphertext to the spool and returns the evidence."""

from __future__ import annotations

from collections.abc import Callable

from estate_backup.parts import files, objects, postgres, redis, sqlite
from estate_backup.parts.job import Job, Made

COLLECT: dict[str, Callable[[Job], Made]] = {
    "postgres": postgres.collect,
    "sqlite": sqlite.collect,
    "files": files.collect,
    "objects": objects.collect,
    "redis": redis.collect,
}

__all__ = ["COLLECT", "Job", "Made"]
