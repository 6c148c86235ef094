"""n8n's database: one credential that only the right encryption key reads."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Protocol

TABLE = "estate_lab_n8n"


class Database(Protocol):
    """What the stand-in needs of a database; each call raises ConnectionError when it does not answer."""

    def migrate(self, key: str) -> bool:
        """Make the table and its first credential; say whether the key reads that."""

    def ping(self) -> None:
        """Ask anything."""


def sealed(key: str) -> str:
    """What stands for a credential that the key has encrypted."""
    return hmac.new(key.encode(), b"estate lab credential", hashlib.sha256).hexdigest()


class Postgres:
    """The real PostgreSQL, a short connection a call."""

    def __init__(self, connection: str) -> None:
        self._connection = connection

    def _run(self, *statements: tuple[str, tuple[str, ...]]) -> list[tuple[Any, ...]]:
        import psycopg  # type: ignore[import-not-found,unused-ignore]

        try:
            with psycopg.connect(self._connection) as link:
                rows: list[tuple[Any, ...]] = []
                for statement, values in statements:
                    cursor = link.execute(statement.encode(), values)
                    rows = cursor.fetchall() if cursor.description else []
                return rows
        except psycopg.Error as fault:
            raise ConnectionError(str(fault).strip()) from fault

    def migrate(self, key: str) -> bool:
        """Make the table and its first credential; say whether the key reads that."""
        rows = self._run(
            (f"CREATE TABLE IF NOT EXISTS {TABLE} (name text PRIMARY KEY, data text NOT NULL)", ()),
            (f"INSERT INTO {TABLE} VALUES ('first', %s) ON CONFLICT DO NOTHING", (sealed(key),)),  # noqa: S608
            (f"SELECT data FROM {TABLE} WHERE name = 'first'", ()),  # noqa: S608
        )
        return bool(rows) and hmac.compare_digest(str(rows[0][0]), sealed(key))

    def ping(self) -> None:
        """Ask anything."""
        self._run(("SELECT 1", ()))
