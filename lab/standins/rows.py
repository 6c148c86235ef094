"""Where a stand-in keeps its state: rows of a kind, in PostgreSQL or (for tests) in memory."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from typing import Any, Protocol

Row = dict[str, Any]
Change = Callable[[Row], Row]
TABLE = "estate_lab_rows"


class Store(Protocol):
    """What the API needs of a store. Each call is one transaction."""

    def get(self, kind: str, key: str) -> Row | None:
        """Give a row, or None."""

    def every(self, kind: str, **match: Any) -> list[Row]:
        """Give the rows of a kind whose fields match, in the order they were added."""

    def add(self, kind: str, key: str, row: Row) -> bool:
        """Store a row unless there is one of that key; say whether it was stored."""

    def change(self, kind: str, key: str, change: Change) -> Row | None:
        """Replace a row by what `change` makes of it, with no other writer in between; None without one."""

    def delete(self, kind: str, key: str) -> bool:
        """Remove a row; say whether there was one."""

    def ping(self) -> None:
        """Raise when the store does not answer."""


def _matches(row: Row, match: dict[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in match.items())


class MemoryStore:
    """A store for tests."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._lock = threading.RLock()

    def get(self, kind: str, key: str) -> Row | None:
        """Give a row, or None."""
        with self._lock:
            return copy.deepcopy(self._rows.get((kind, key)))

    def every(self, kind: str, **match: Any) -> list[Row]:
        """Give the rows of a kind whose fields match."""
        with self._lock:
            rows = [row for (name, _), row in self._rows.items() if name == kind]
            return copy.deepcopy([row for row in rows if _matches(row, match)])

    def add(self, kind: str, key: str, row: Row) -> bool:
        """Store a row unless there is one of that key."""
        with self._lock:
            return self._rows.setdefault((kind, key), row) is row

    def change(self, kind: str, key: str, change: Change) -> Row | None:
        """Replace a row by what `change` makes of it."""
        with self._lock:
            if (kind, key) not in self._rows:
                return None
            new = change(copy.deepcopy(self._rows[kind, key]))
            self._rows[kind, key] = new
            return copy.deepcopy(new)

    def delete(self, kind: str, key: str) -> bool:
        """Remove a row."""
        with self._lock:
            return self._rows.pop((kind, key), None) is not None

    def ping(self) -> None:
        """Do nothing: memory is always there."""


class PostgresStore:
    """A table in the real database; one short connection a call."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        columns = "number bigserial, kind text NOT NULL, key text NOT NULL, row jsonb NOT NULL, PRIMARY KEY (kind, key)"
        self._run(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")

    def _connect(self) -> Any:
        import psycopg  # type: ignore[import-not-found,unused-ignore]

        return psycopg.connect(self._uri, connect_timeout=5)

    def _run(self, statement: str, values: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            cursor = connection.execute(statement.encode(), values)
            rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            return rows

    def get(self, kind: str, key: str) -> Row | None:
        """Give a row, or None."""
        rows = self._run(f"SELECT row FROM {TABLE} WHERE kind = %s AND key = %s", (kind, key))  # noqa: S608
        return dict(rows[0][0]) if rows else None

    def every(self, kind: str, **match: Any) -> list[Row]:
        """Give the rows of a kind whose fields match."""
        statement = f"SELECT row FROM {TABLE} WHERE kind = %s AND row @> %s::jsonb ORDER BY number"  # noqa: S608
        return [dict(row[0]) for row in self._run(statement, (kind, json.dumps(match)))]

    def add(self, kind: str, key: str, row: Row) -> bool:
        """Store a row unless there is one of that key."""
        statement = f"INSERT INTO {TABLE} (kind, key, row) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING key"  # noqa: S608
        return bool(self._run(statement, (kind, key, json.dumps(row))))

    def change(self, kind: str, key: str, change: Change) -> Row | None:
        """Replace a row by what `change` makes of it; the row is locked meanwhile."""
        where = "WHERE kind = %s AND key = %s"
        with self._connect() as connection:
            found = connection.execute(f"SELECT row FROM {TABLE} {where} FOR UPDATE", (kind, key)).fetchone()  # noqa: S608
            if found is None:
                return None
            new = change(dict(found[0]))
            connection.execute(f"UPDATE {TABLE} SET row = %s {where}", (json.dumps(new), kind, key))  # noqa: S608
            return new

    def delete(self, kind: str, key: str) -> bool:
        """Remove a row."""
        return bool(self._run(f"DELETE FROM {TABLE} WHERE kind = %s AND key = %s RETURNING key", (kind, key)))  # noqa: S608

    def ping(self) -> None:
        """Raise when the database does not answer."""
        self._run("SELECT 1")
