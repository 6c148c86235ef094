"""Compiled templates, kept from run to run: compiling them took half a second of each."""

import os
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from jinja2 import BytecodeCache, FileSystemBytecodeCache
from jinja2.bccache import Bucket

from estate.render.user_directories import user_directory


class _Shared(FileSystemBytecodeCache):
    """For every checkout the same: Jinja2 uses an entry only for the very text that it was compiled from."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return super().get_cache_key(name)

    def dump_bytecode(self, bucket: Bucket) -> None:
        # A full disk is no reason not to deploy
        with suppress(OSError):
            super().dump_bytecode(bucket)


def compiled_directory() -> Path:
    """Where they are kept: `$XDG_CACHE_HOME/estate/templates`, for its owner alone.

    Raises RuntimeError for a user without a home directory.
    """
    return user_directory("XDG_CACHE_HOME", ".cache") / "templates"


def compiled(options: object) -> BytecodeCache | None:
    """The cache for templates that are compiled with these options; None where nothing can be kept.

    What is read from it is executed, so a directory that others could write to is not used.
    """
    try:
        path = compiled_directory()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except (OSError, RuntimeError):
        return None
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        return None
    made_with = sha256(f"{version('jinja2')} {options!r}".encode()).hexdigest()[:12]
    return _Shared(str(path), f"{made_with}-%s.cache")
