"""The pool of objects: encrypted once, sent where it is missing, known by the sha256 of plaintext and ciphertext."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from estate_backup import crypt, disk, proc, room, state
from estate_backup.config import Config
from estate_backup.errors import BackupError
from estate_backup.store import Store, object_path

LOG = logging.getLogger("estate-backup")
BATCH_BYTES, BATCH_FILES = 256 << 20, 1000
"""what is spooled before it is sent"""


class Pool:
    """What the stores of a run hold, and what waits to be sent to them.

    + failed: told a store and its fault; nothing more is sent there in this run
    + rehash: read every object again, however old it looks
    """

    def __init__(
        self, config: Config, stores: list[Store], failed: Callable[[Store, BackupError], None], rehash: bool = False
    ) -> None:
        self._config, self._failed, self._rehash = config, failed, rehash
        self._stores = list(stores)
        self._box = config.spool / "objects"
        saved = state.load(config.state / state.OBJECTS)
        self._known: dict[str, Any] = saved.get("known", {})
        self._hashes: dict[str, Any] = saved.get("files", {})
        self._sent: dict[str, Any] = saved.get("sent", {})
        self._bad: dict[str, list[str]] = state.load(config.state / state.SPOILED)
        self._seen: dict[str, Any] = {}
        self._has: dict[str, dict[str, int]] = {}
        self._bytes = self._count = 0
        self.sent_bytes = 0

    def look(self) -> None:
        """Ask the stores what they hold: what is lost there is sent again. A write-only one is believed."""
        for store in list(self._stores):
            try:
                held = store.objects() if store.settings.readable else dict(self._sent.get(store.name, {}))
            except BackupError as fault:
                self._drop(store, fault)
                continue
            for sha in self._bad.get(store.name, ()):
                held.pop(sha, None)
            self._has[store.name] = held

    def sha256(self, path: Path, found: os.stat_result) -> str:
        """The sha256 of a file, remembered as long as its size and time stay."""
        key, stamp = str(path), [found.st_size, found.st_mtime_ns]
        old = self._hashes.get(key)
        if self._rehash or not old or old[:2] != stamp:
            old = [*stamp, disk.sha256(path)]
        self._seen[key] = old
        return str(old[2])

    def forget(self, path: Path) -> None:
        """Do not believe a remembered hash."""
        self._hashes.pop(str(path), None)

    def keep(self, path: Path, sha: str) -> str:
        """See to it that every store gets this content; returns its name in the pool, "" when the file changed."""
        if not self._has:
            self.look()
        entry = self._known.get(sha)
        if entry and not self._lacking(entry) and not self._spoiled(entry):
            return str(entry["object"])
        if not (entry and not self._spoiled(entry) and self._lift(entry)):
            entry = self._encrypt(path, sha)
            if not entry:
                return ""
            self._known[sha] = entry
        self._count += 1
        self._bytes += entry["size"]
        if self._bytes >= BATCH_BYTES or self._count >= BATCH_FILES:
            self.flush()
        return str(entry["object"])

    def _lacking(self, entry: dict[str, Any]) -> list[Store]:
        if (self._box / object_path(entry["object"])).is_file():
            return []
        return [s for s in self._stores if self._has.get(s.name, {}).get(entry["object"]) != entry["size"]]

    def _spoiled(self, entry: dict[str, Any]) -> bool:
        """Whether a check found it altered in one of the stores: its name there is taken for good."""
        return any(entry["object"] in self._bad.get(store.name, ()) for store in self._stores)

    def _lift(self, entry: dict[str, Any]) -> bool:
        """Take it from a store that has it, folders first: so it keeps its name, and older sets are whole again."""
        target = self._box / object_path(entry["object"])
        for store in sorted(self._stores, key=lambda item: item.settings.kind):
            if store.settings.readable and self._has[store.name].get(entry["object"]) == entry["size"]:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                try:
                    store.fetch_object(entry["object"], target)
                except BackupError as fault:
                    LOG.warning("%s", fault)
                    continue
                return True
        return False

    def _encrypt(self, path: Path, sha: str) -> dict[str, Any] | None:
        room.require(self._config)
        self._box.mkdir(parents=True, exist_ok=True, mode=0o700)
        sealed = self._box / "sealed"
        sealed.unlink(missing_ok=True)
        flow = proc.stream([["cat"]], [([crypt.encrypt_command(self._config)], sealed)], stdin=path)
        if flow.sha256 != sha:
            sealed.unlink()
            return None
        name = disk.sha256(sealed)
        target = self._box / object_path(name)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        size = sealed.stat().st_size
        sealed.rename(target)
        return {"object": name, "size": size}

    def flush(self) -> None:
        """Send what waits to every store."""
        waiting = {path.stem: path.stat().st_size for path in self._box.glob("*/*.age")}
        if not waiting:
            return
        for store in list(self._stores):
            try:
                store.put_objects(self._box)
            except BackupError as fault:
                self._drop(store, fault)
                continue
            self._has[store.name].update(waiting)
            if not store.settings.readable:
                self._sent.setdefault(store.name, {}).update(waiting)
        self.sent_bytes += self._bytes
        shutil.rmtree(self._box)
        self._bytes = self._count = 0

    def _drop(self, store: Store, fault: BackupError) -> None:
        self._stores.remove(store)
        self._failed(store, fault)
        if not self._stores:
            raise BackupError("stores", "none is left to send objects to", "see their faults")

    def save(self) -> None:
        """Remember what was sent, for the next run. Hashes of files that are gone are forgotten."""
        everywhere = {sha for held in self._has.values() for sha in held}
        known = {plain: entry for plain, entry in self._known.items() if not self._has or entry["object"] in everywhere}
        saved = {"known": known, "files": self._seen or self._hashes, "sent": self._sent}
        state.save(self._config.state / state.OBJECTS, saved)
