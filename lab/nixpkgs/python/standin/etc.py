"""/etc: links into the store, copies where a mode is asked for, and nothing of the generation before."""

import contextlib
import grp
import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

from .shell import link, read_json, say, write_json

STATE = Path("/var/lib/nixos/etc.json")


def apply(manifest: Sequence[dict[str, str]], root: Path = Path("/etc"), state: Path = STATE) -> None:
    """Make /etc what the manifest says.

    The state file always names all that may have been placed, so that a run that was interrupted
    leaves nothing behind after the next one.
    """
    wanted = [entry["path"] for entry in manifest]
    before = read_json(state, [])
    write_json(state, sorted({*before, *wanted}))
    for entry in manifest:
        _place(root / entry["path"], entry)
    for path in sorted(set(before) - set(wanted)):
        _remove(root / path, root)
    write_json(state, sorted(wanted))


def _place(path: Path, entry: dict[str, str]) -> None:
    if path.is_dir() and not path.is_symlink():
        say(f"/etc/{entry['path']} is a directory; it gives way to a file")
        shutil.rmtree(path)
    if entry["mode"] == "symlink":
        link(path, entry["source"])
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Path(entry["source"]).read_bytes())
        os.fchown(file.fileno(), _uid(entry["user"]), _gid(entry["group"]))
        os.fchmod(file.fileno(), int(entry["mode"], 8))
    fresh.rename(path)


def _remove(path: Path, root: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    for parent in path.parents:
        if parent == root:
            return
        try:
            parent.rmdir()
        except OSError:
            return


def _uid(name: str) -> int:
    return int(name) if name.lstrip("+").isdigit() else pwd.getpwnam(name).pw_uid


def _gid(name: str) -> int:
    return int(name) if name.lstrip("+").isdigit() else grp.getgrnam(name).gr_gid
