"""Old data and new beside each other: build at `<path>.new-<SETID>`, one rename each, and the way back.

The old data lie at `<path>.before-<SETID>` until the proof is green. Whatever moment a crash comes at, what lies where
says how far it got: `put_back` brings the old data back from each of them, and may itself be interrupted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from estate_backup import proc, state
from estate_backup.config import Service
from estate_backup.errors import BackupError
from estate_backup.restore_plan import Root


def new(live: Path, identity: str) -> Path:
    """Where the data that become `live` are built: beside it, as a rename cannot leave a file system."""
    return live.with_name(f"{live.name}.new-{identity}")


def before(live: Path, identity: str) -> Path:
    """Where the old data of `live` lie until the new are proven."""
    return live.with_name(f"{live.name}.before-{identity}")


def refuse(roots: Iterable[Root], identity: str) -> None:
    """Raises BackupError that names every path which cannot be replaced by a rename, before anything is done."""
    faults = []
    for root in roots:
        if root.live.is_symlink():
            faults.append(f"{root.live} is a symbolic link; declare the directory that it leads to")
        elif os.path.ismount(root.live):
            faults.append(f"{root.live} is a mount point; mount its parent instead, or copy by hand from --to scratch")
        elif before(root.live, identity).exists():
            faults.append(f"{before(root.live, identity)} holds old data of an earlier restore; move it away")
        elif not root.live.parent.is_dir():
            faults.append(f"{root.live.parent} is missing; deploy the stack first")
    if faults:
        raise BackupError("restore", "\n".join(faults), "nothing was changed")


def owner_of(service: Service) -> tuple[int, int]:
    """The user and group id that a service runs as, as its files are owned."""
    user, _, group = service.user.partition(":")
    if not user.isdigit() or (group and not group.isdigit()):
        return 0, 0
    return int(user), int(group or user)


def prepare(root: Root, place: Path, service: Service, mode: int = 0o700) -> None:
    """Make the empty directory that data are built in: owner and mode as the live one has, else the service's user."""
    remove(place)
    if not root.folder:
        return
    place.mkdir(mode=0o700)
    _as(root.live if root.live.is_dir() else None, place, service, mode)


def like(live: Path, place: Path, service: Service, mode: int) -> None:
    """Give a built file owner and mode: those of the one that it replaces, else the service's user and `mode`."""
    _as(live if live.exists() else None, place, service, mode)


def _as(there: Path | None, place: Path, service: Service, mode: int) -> None:
    if there:
        copy_owner(there, place)
    else:
        os.chown(place, *owner_of(service))
        place.chmod(mode)


def copy_owner(there: Path, place: Path) -> None:
    """Give a path the owner and mode of another one."""
    found = there.stat()
    os.chown(place, found.st_uid, found.st_gid)
    place.chmod(found.st_mode & 0o7777)


def carried(root: Root) -> Iterator[tuple[Path, bool]]:
    """What the set does not decide: paths below the live root; True: a folder of which only some is decided."""

    def visit(folder: Path) -> Iterator[tuple[Path, bool]]:
        for entry in sorted(folder.iterdir()):
            if any(entry == path or path in entry.parents for path in root.covered):
                continue
            split = any(entry in path.parents for path in root.covered)
            split = split and entry.is_dir() and not entry.is_symlink()
            yield entry, split
            if split:
                yield from visit(entry)

    if root.folder and root.live.is_dir() and root.live not in root.covered:
        yield from visit(root.live)


def carried_size(root: Root) -> int:
    """Bytes of what will be carried over."""
    return sum(size_of(path) for path, split in carried(root) if not split)


def carry_over(root: Root, place: Path) -> tuple[str, ...]:
    """Copy what the set does not decide from the old data (whose service is stopped) into the new; return the names."""
    names = []
    for entry, split in carried(root):
        target = place / entry.relative_to(root.live)
        if os.path.lexists(target):
            continue
        if split:
            there = entry.stat()
            target.mkdir()
            os.chown(target, there.st_uid, there.st_gid)
            target.chmod(there.st_mode & 0o7777)
        else:
            proc.output(["cp", "-a", "--reflink=auto", "-T", str(entry), str(target)], timeout=None)
            names.append(str(entry.relative_to(root.live)))
    return tuple(names)


def size_of(path: Path) -> int:
    """Bytes of a path and all below it; what vanishes meanwhile counts nothing."""
    total = 0
    if not path.is_dir():
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total


def put_in_place(live: Path, identity: str) -> None:
    """Move the old data aside and the new ones in. After a crash, `put_back` comes first."""
    built, aside = new(live, identity), before(live, identity)
    if not os.path.lexists(aside) and os.path.lexists(live):
        live.rename(aside)
    if os.path.lexists(built):
        built.rename(live)
    state.sync(live.parent)


def put_back(live: Path, identity: str, was_there: bool) -> None:
    """Bring the old data back from whatever a restore left. May be repeated after a crash.

    + was_there: there were old data; if not, what lies at `live` without a `.new-` beside it is the restore's
    """
    built, aside = new(live, identity), before(live, identity)
    if os.path.lexists(aside):
        if os.path.lexists(live):
            remove(built)
            live.rename(built)
        aside.rename(live)
    elif not was_there and os.path.lexists(live):
        remove(built)
        live.rename(built)
    state.sync(live.parent)
    remove(built)


def remove(path: Path) -> None:
    """Remove a file or a tree; one that is not there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
