"""The history of reports."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from push_bridge.report import FIELDS, RANGES, Payload

HOUR = 3600
DAY = 86400
POINTS = 3000
"""Most reports in one answer of /history; more are thinned out evenly."""


class Store:
    """The history: one row a report, in SQLite."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        columns = ", ".join(f"{name} NUMERIC NOT NULL" for name in RANGES)
        self._db.execute(
            f"CREATE TABLE IF NOT EXISTS push (node TEXT NOT NULL, received REAL NOT NULL, {columns}, "
            "db_integrity TEXT NOT NULL, PRIMARY KEY (node, received)) WITHOUT ROWID"
        )

    def _ask(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def add(self, payload: Payload, received: float) -> None:
        """Keep a report."""
        marks = ", ".join("?" for _ in range(len(FIELDS) + 1))
        names = ", ".join(FIELDS)
        query = f"INSERT OR REPLACE INTO push (received, {names}) VALUES ({marks})"  # noqa: S608 - constants
        self._ask(query, received, *(payload[name] for name in FIELDS))

    def latest(self, node: str) -> sqlite3.Row | None:
        """The newest report of a node."""
        rows = self._ask("SELECT * FROM push WHERE node = ? ORDER BY received DESC LIMIT 1", node)
        return rows[0] if rows else None

    def hour(self, node: str, now: float) -> tuple[int, int]:
        """How many reports the last hour had, and the highest generation among them."""
        (row,) = self._ask("SELECT count(*), max(nix_gen) FROM push WHERE node = ? AND received > ?", node, now - HOUR)
        return int(row[0]), int(row[1] or 0)

    def since(self, node: str, moment: float) -> list[sqlite3.Row]:
        """All reports of a node since then, oldest first; thinned when there are too many."""
        rows = self._ask("SELECT * FROM push WHERE node = ? AND received > ? ORDER BY received", node, moment)
        return rows[:: -(-len(rows) // POINTS) or 1]

    def forget(self, before: float) -> None:
        """Drop what is older."""
        self._ask("DELETE FROM push WHERE received < ?", before)

    def close(self) -> None:
        """Write everything out."""
        with self._lock:
            self._db.close()
