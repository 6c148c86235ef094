"""rclone's commands. Its credentials are in a file of root; its faults become ours, with the store's name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from estate_backup import proc
from estate_backup.config import Config, StoreConfig
from estate_backup.errors import BackupError

NOT_FOUND = (3, 4)
SLOWEST = 32 << 10
"""bytes a second; a transfer that is slower over its whole length is given up"""
DEFAULTS = {
    "RCLONE_RETRIES": "3",
    "RCLONE_RETRIES_SLEEP": "10s",
    "RCLONE_LOW_LEVEL_RETRIES": "10",
    "RCLONE_CONTIMEOUT": "20s",
    "RCLONE_TIMEOUT": "2m",
    "RCLONE_STATS": "0",
    "RCLONE_S3_NO_CHECK_BUCKET": "true",
    "RCLONE_CHECKERS": "8",
}
"""What the environment may override, as rclone documents its flags."""


class Rclone:
    """rclone towards one store: paths are below the store's root."""

    def __init__(self, config: Config, store: StoreConfig) -> None:
        self._config, self.store = config, store
        self.root = (store.remote if store.kind == "rclone" else store.path).rstrip("/")

    def at(self, path: str = "") -> str:
        """Where a path of the store is, as rclone's argument."""
        return f"{self.root}/{path}" if path else self.root

    def _argv(self, words: Sequence[str]) -> list[str]:
        remote = self.store.kind == "rclone"
        limit = self._config.bandwidth
        return [
            "rclone",
            *words,
            *("--config", str(self._config.rclone_conf) if remote else ""),
            *("--transfers", str(self._config.transfers)),
            *(("--bwlimit", limit) if remote and limit not in ("", "0", "off") else ()),
        ]

    def _environment(self) -> Mapping[str, str]:
        return {**DEFAULTS, **os.environ}

    def call(self, *words: str, timeout: float = 600) -> tuple[int, str, str]:
        """Run a command; return its status, output, and last words."""
        return proc.status_of(self._argv(words), env=self._environment(), timeout=timeout)

    def run(self, *words: str, timeout: float = 600, doing: str = "") -> str:
        """Run a command and return its output. Raises BackupError that names the store."""
        try:
            status, text, said = self.call(*words, timeout=timeout)
        except BackupError as fault:
            raise self.fault(f"{doing or words[0]}: {fault.fault}") from None
        if status:
            raise self.fault(f"{doing or words[0]}: rclone exited {status}" + (f": {said}" if said else ""))
        return text

    def fault(self, text: str, remedy: str = "") -> BackupError:
        """Make a fault of this store; the remedy is told from rclone's words when none is given."""
        return BackupError(f"stores/{self.store.name}", text, remedy or _remedy(text, self._config.rclone_conf))


def patience(size: int) -> float:
    """Seconds after which a transfer of so many bytes is given up."""
    return 900 + size / SLOWEST


def _remedy(text: str, credentials: Path) -> str:
    """What to do about a fault, by what rclone says of it."""
    table = (
        (("401", "403", "AccessDenied", "InvalidAccessKey", "SignatureDoesNotMatch"), f"see the key in {credentials}"),
        (("429", "SlowDown", "Too Many", "503"), "the store limits us: the next run tries again"),
        (("no space left", "quota", "507", "InsufficientStorage"), "make room in the store"),
        (("connection refused", "no such host", "timeout", "did not end"), "see whether the store can be reached"),
        (("NoSuchBucket", "directory not found"), "make the bucket, or see the store's remote"),
    )
    for words, remedy in table:
        if any(word.lower() in text.lower() for word in words):
            return remedy
    return "the next run tries again"
