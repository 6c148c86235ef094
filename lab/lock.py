"""One command at a time changes the lab of a checkout."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import LabError
from lab.paths import LabPaths


@contextmanager
def locked(paths: LabPaths) -> Iterator[None]:
    """Hold the lab's lock; the system frees it when the process ends, however it ends."""
    paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths.root.chmod(0o700)
    with paths.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise LabError("another `estate lab` command is at work here", "wait for its end") from fault
        yield
