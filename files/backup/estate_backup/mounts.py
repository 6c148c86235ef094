"""Whether a folder's file system is really mounted: an unmounted NFS share is an ordinary, empty, local folder."""

from __future__ import annotations

import re
from pathlib import Path

from estate_backup import proc
from estate_backup.config import StoreConfig
from estate_backup.errors import BackupError

MOUNTINFO = Path("/proc/self/mountinfo")
PATIENCE = 30
"""seconds; a server that is gone leaves calls hanging, so a child makes them"""


def require(store: StoreConfig) -> None:
    """Raise BackupError when the store's folder is not below a real mount, or does not answer."""
    at = f"stores/{store.name}"
    if store.mount:
        types = mounted(store.mount)
        if not types:
            raise BackupError(at, f"{store.mount} is not mounted", f"mount {store.mount}")
        if store.filesystems and types[-1] not in store.filesystems:
            wanted = " or ".join(store.filesystems)
            raise BackupError(at, f"{store.mount} is {types[-1]}, not {wanted}", f"mount {store.mount}")
    try:
        proc.output(["mkdir", "-p", "-m", "0700", store.path], timeout=PATIENCE)
        proc.output(["stat", "-f", store.path], timeout=PATIENCE)
    except BackupError as fault:
        raise BackupError(at, f"{store.path}: {fault.fault}", "see the file system and its server") from None


def mounted(point: str) -> list[str]:
    """Types of the file systems mounted at a path, the visible one last (proc_pid_mountinfo(5))."""
    found = []
    for line in MOUNTINFO.read_text().splitlines():
        before, _, after = line.partition(" - ")
        words = before.split()
        if len(words) > 4 and _plain(words[4]) == point.rstrip("/"):
            found.append(after.split()[0])
    return found


def _plain(escaped: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), escaped)
