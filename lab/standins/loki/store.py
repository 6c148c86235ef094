"""Streams and their lines in one SQLite file under the configured path."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

Labels = dict[str, str]

SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, labels TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS entries (
    stream INTEGER NOT NULL REFERENCES streams (id), at INTEGER NOT NULL, line TEXT NOT NULL,
    UNIQUE (stream, at, line) ON CONFLICT IGNORE
);
"""


class Store:
    """The lines of every stream, ordered by time; one identical line at one time is kept once."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(str(path), check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        rows = self._db.execute("SELECT id, labels FROM streams")
        self._streams: dict[int, Labels] = {key: json.loads(labels) for key, labels in rows}
        self._ids = {json.dumps(labels, sort_keys=True): key for key, labels in self._streams.items()}

    def append(self, labels: Labels, entries: Iterable[tuple[int, str]]) -> int:
        """Add lines to a stream; give how many were handed in."""
        rows = list(entries)
        with self._lock, self._db:
            key = json.dumps(labels, sort_keys=True)
            if key not in self._ids:
                cursor = self._db.execute("INSERT INTO streams (labels) VALUES (?)", (key,))
                self._ids[key] = int(cursor.lastrowid or 0)
                self._streams[self._ids[key]] = dict(labels)
            stream = self._ids[key]
            self._db.executemany("INSERT INTO entries VALUES (?, ?, ?)", [(stream, *row) for row in rows])
        return len(rows)

    def streams(self) -> list[tuple[int, Labels]]:
        """List all streams."""
        with self._lock:
            return list(self._streams.items())

    def read(self, stream: int, start: int, end: int) -> Iterator[tuple[int, str]]:
        """Give a stream's lines with start <= time < end, the oldest first."""
        statement = "SELECT at, line FROM entries WHERE stream = ? AND at >= ? AND at < ? ORDER BY at"
        with self._lock:
            rows = self._db.execute(statement, (stream, start, end)).fetchall()
        yield from rows

    def prune(self, before: int) -> int:
        """Delete lines older than a time; give how many."""
        with self._lock, self._db:
            return self._db.execute("DELETE FROM entries WHERE at < ?", (before,)).rowcount

    def count(self) -> int:
        """Count all lines."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM entries").fetchone()[0])
