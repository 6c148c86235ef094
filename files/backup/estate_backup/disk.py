"""Files on the disk: their hashes, their sizes, and that they are really there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from estate_backup import proc


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(proc.BLOCK):
            digest.update(block)
    return digest.hexdigest()


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def flush(target: Path, source: Path) -> None:
    """See on the disk, in `target`, every file that `source` has, and the folders; a child does it, as NFS may hang."""
    there = [target / path.relative_to(source) for path in sorted(source.rglob("*"))]
    names = [str(path) for path in (target, target.parent, *there) if path.exists()]
    for start in range(0, len(names), 500):
        proc.output(["sync", *names[start : start + 500]], timeout=1800)
