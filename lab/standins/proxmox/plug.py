"""Puts a mount of the node into a running container, as Proxmox hot-plugs mount points: open_tree(2), move_mount(2)."""

import ctypes
import os
from pathlib import Path

from lab.standins.proxmox.errors import PveError

_OPEN_TREE, _MOVE_MOUNT = 428, 429
"""The same numbers on every architecture (Linux 5.2)."""
_AT_FDCWD = -100
_CLONE, _CLOEXEC, _RECURSIVE = 1, os.O_CLOEXEC, 0x8000
_EMPTY_PATH = 4
_NEWNS = 0x00020000
_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result = int(_LIBC.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def plug(pid: int, source: Path, target: str) -> None:
    """Mount what the node has mounted at `source` at `target` of a process's mount namespace. Raises PveError."""
    child = os.fork()
    if child == 0:
        # Entering a mount namespace is for ever
        os._exit(_plug(pid, source, target))
    _, status = os.waitpid(child, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise PveError(f"unable to hotplug '{target}': {os.strerror(code)}")


def _plug(pid: int, source: Path, target: str) -> int:
    try:
        tree = _call(_OPEN_TREE, _AT_FDCWD, str(source).encode(), _CLONE | _CLOEXEC | _RECURSIVE)
        namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        if _LIBC.setns(namespace, _NEWNS):
            return ctypes.get_errno()
        _call(_MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _EMPTY_PATH)
    except OSError as fault:
        return fault.errno or 1
    return 0
