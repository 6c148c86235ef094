"""Where the server keeps its state: named JSON documents, in PostgreSQL or (for tests) in memory."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Protocol

Document = dict[str, Any]
TABLE = "estate_lab_documents"


class Store(Protocol):
    """What the API needs of a store."""

    def get(self, name: str) -> Document | None:
        """Give a document, or None."""

    def add(self, name: str, document: Document) -> bool:
        """Store a document unless one of that name is there; say whether it was stored."""

    def ping(self) -> None:
        """Raise when the store does not answer."""


class MemoryStore:
    """A store for tests."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}

    def get(self, name: str) -> Document | None:
        """Give a document, or None."""
        return self.documents.get(name)

    def add(self, name: str, document: Document) -> bool:
        """Store a document unless one of that name is there."""
        if name in self.documents:
            return False
        self.documents[name] = document
        return True

    def ping(self) -> None:
        """Do nothing: memory is always there."""


class PostgresStore:
    """A table in the real database; one short connection a call."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._run(f"CREATE TABLE IF NOT EXISTS {TABLE} (name text PRIMARY KEY, document jsonb NOT NULL)")

    def _run(self, statement: str, values: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        import psycopg  # type: ignore[import-not-found,unused-ignore]

        with psycopg.connect(self._uri, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode(), values)
            rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            return rows

    def get(self, name: str) -> Document | None:
        """Give a document, or None."""
        rows = self._run(f"SELECT document FROM {TABLE} WHERE name = %s", (name,))  # noqa: S608
        return dict(rows[0][0]) if rows else None

    def add(self, name: str, document: Document) -> bool:
        """Store a document unless one of that name is there."""
        statement = f"INSERT INTO {TABLE} VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING name"  # noqa: S608
        return bool(self._run(statement, (name, json.dumps(document))))

    def ping(self) -> None:
        """Raise when the database does not answer."""
        self._run("SELECT 1")


def same_encryption_key(store: Store, key: str) -> bool:
    """Say whether the database was made with this ENCRYPTION_KEY; note the key of a new one.

    The real server cannot decrypt its root key with another ENCRYPTION_KEY and stops at start.
    """
    mark = hmac.new(key.encode(), b"estate lab root key", hashlib.sha256).hexdigest()
    store.add("root-key", {"mark": mark})
    found = store.get("root-key") or {}
    return hmac.compare_digest(str(found.get("mark")), mark)
