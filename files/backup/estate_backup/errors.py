"""What goes wrong: each error says where, what, and what to do about it.

BackupError          exit 1
├── UsageError       exit 64: the configuration or the command line
└── BusyError        exit 75: another backup runs
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class BackupError(Exception):
    """A fault, with the path that it is at and its remedy."""

    code = 1

    def __init__(self, path: str | Path, fault: str, remedy: str = "") -> None:
        self.path, self.fault, self.remedy = str(path), fault, remedy
        super().__init__(f"{path}: {fault}" + (f"; {remedy}" if remedy else ""))


class UsageError(BackupError):
    """The configuration or the command line is wrong."""

    code = 64


class ConfigError(UsageError):
    """All that is wrong with config.json, a line each."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        super().__init__(path, "\n".join(faults), "")
        self.faults = tuple(faults)


class BusyError(BackupError):
    """Another run holds the lock."""

    code = 75
