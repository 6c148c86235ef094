"""Whether the disk has room for the spool."""

from __future__ import annotations

import shutil

from estate_backup.config import Config
from estate_backup.errors import BackupError


def require(config: Config, needed: int = 0) -> None:
    """Raise BackupError when fewer than `needed` bytes are free beside the reserve."""
    free = shutil.disk_usage(config.work).free
    if free < needed + config.spool_reserve:
        raise BackupError(
            config.work,
            f"{free >> 20} MiB are free; {needed >> 20} MiB and {config.spool_reserve >> 20} MiB in reserve are needed",
            "make room, or lower spool_reserve",
        )
