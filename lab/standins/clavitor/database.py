"""The vault's records, in SQLite with a write-ahead log."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

TABLE = "CREATE TABLE vault (name TEXT PRIMARY KEY, value TEXT NOT NULL, updated REAL NOT NULL)"


class NewerSchemaError(Exception):
    """The database was written by a later release, which this one cannot read."""


class Database:
    """clavitor.db. What is wrong with it is in `integrity`; a damaged file does not end the process.

    + schema: the version that this release works with; an older file is brought to it, a newer one is refused
    """

    def __init__(self, path: Path, schema: int) -> None:
        self.path, self._lock = path, threading.Lock()
        self.integrity = "ok"
        self._column = "sealed" if schema > 1 else "value"
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate(schema)
        except sqlite3.Error as fault:
            self.integrity = str(fault)[:200] or "error"
        self.check()

    def _migrate(self, schema: int) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found > schema:
            raise NewerSchemaError(f"the database has schema {found}, this release reads up to {schema}")
        steps = (TABLE, "ALTER TABLE vault RENAME COLUMN value TO sealed")[found:schema]
        if steps:
            with contextlib.closing(self._db.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                for step in steps:
                    cursor.execute(step)
                cursor.execute(f"PRAGMA user_version={schema}")
                cursor.execute("COMMIT")

    def check(self) -> str:
        """Look at the whole file; judged by the words, as SQLite's status does not tell of logical damage."""
        try:
            with self._lock:
                rows = self._db.execute("PRAGMA quick_check(1)").fetchall()
                self._db.execute("SELECT count(*) FROM vault").fetchone()
            self.integrity = str(rows[0][0])[:200].replace("\n", " ") if rows else "no answer"
        except sqlite3.Error as fault:
            self.integrity = str(fault)[:200] or "error"
        return self.integrity

    def get(self, name: str) -> str | None:
        """The value of a record. Raises sqlite3.Error."""
        with self._lock:
            query = f"SELECT {self._column} FROM vault WHERE name = ?"  # noqa: S608 - one of two constants
            row = self._db.execute(query, (name,)).fetchone()
        return str(row[0]) if row else None

    def names(self) -> list[str]:
        """The names of all records. Raises sqlite3.Error."""
        with self._lock:
            return [str(row[0]) for row in self._db.execute("SELECT name FROM vault ORDER BY name")]

    def put(self, name: str, value: str) -> None:
        """Store a record; it is on the disk when this returns. Raises sqlite3.Error."""
        query = f"INSERT OR REPLACE INTO vault (name, {self._column}, updated) VALUES (?, ?, ?)"  # noqa: S608
        with self._lock:
            self._db.execute(query, (name, value, time.time()))

    def size(self) -> int:
        """Bytes of the file and its log."""
        found = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                found += Path(f"{self.path}{suffix}").stat().st_size
        return found

    def close(self) -> None:
        """Write the log into the file."""
        with self._lock:
            self._db.close()
