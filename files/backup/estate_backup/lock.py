"""One run at a time on a host."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from estate_backup.errors import BusyError
from estate_backup.report import iso


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the host's lock. Raises BusyError, which says who has it and since when. The kernel frees it at death."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(handle, 200, 0).decode(errors="replace").strip() or "unknown"
            raise BusyError(path, f"another backup runs since {owner}", "wait for it, or stop it") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{iso(time.time())} (pid {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(handle)
