"""Users, pre-auth keys and API keys in SQLite."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ZERO_TIME = "0001-01-01T00:00:00Z"
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, display_name TEXT, email TEXT,
    picture_url TEXT, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pre_auth_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT, hash TEXT, user_id INTEGER REFERENCES users (id),
    reusable INTEGER, ephemeral INTEGER, used INTEGER DEFAULT 0, tags TEXT, expiration TEXT, created_at TEXT);
CREATE TABLE IF NOT EXISTS api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT UNIQUE, hash TEXT, expiration TEXT, created_at TEXT);
"""
Row = dict[str, Any]


class Fault(Exception):  # noqa: N818
    """A gRPC status: its code, and the message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


UNKNOWN, INVALID, NOT_FOUND, INTERNAL = 2, 3, 5, 13


@dataclass(frozen=True)
class NewKey:
    """What a pre-auth key is asked for with."""

    user: int
    reusable: bool
    ephemeral: bool
    expiration: str
    tags: tuple[str, ...]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Store:
    """The database."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(str(path), check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(SCHEMA)

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            return [dict(row) for row in self._db.execute(statement, values)]

    def _write(self, statement: str, values: Sequence[Any]) -> int:
        with self._lock, self._db:
            cursor = self._db.execute(statement, values)
            return int(cursor.lastrowid or 0) if statement.startswith("INSERT") else cursor.rowcount

    def ping(self) -> bool:
        """Say whether the database answers."""
        try:
            return bool(self._rows("SELECT 1 AS one"))
        except sqlite3.Error:
            return False

    def users(self, **wanted: str) -> list[Row]:
        """List users, narrowed by id, name or email."""
        found = self._rows("SELECT * FROM users ORDER BY id")
        return [u for u in found if all(str(u[k] or "") == v for k, v in wanted.items() if v)]

    def user(self, key: int) -> Row:
        """Give one user."""
        found = self.users(id=str(key))
        if not found:
            raise Fault(UNKNOWN, "user not found")
        return found[0]

    def create_user(self, name: str, now: str, display: str = "", email: str = "", picture: str = "") -> Row:
        """Create a user; a duplicate is an internal error, as upstream until 0.30."""
        if not name or name[0].isdigit() or not all(c.isalnum() or c in "-._@" for c in name):
            raise Fault(INTERNAL, f'creating user: username must start with a letter and be valid: "{name}"')
        try:
            row = (name, display, email, picture, now)
            fields = "name, display_name, email, picture_url, created_at"
            key = self._write(f"INSERT INTO users ({fields}) VALUES (?, ?, ?, ?, ?)", row)  # noqa: S608
        except sqlite3.IntegrityError as fault:
            raise Fault(INTERNAL, f"creating user: creating user: {fault}") from fault
        return self.user(key)

    def delete_user(self, key: int) -> None:
        """Delete a user and their keys."""
        self.user(key)
        self._write("DELETE FROM pre_auth_keys WHERE user_id = ?", (key,))
        self._write("DELETE FROM users WHERE id = ?", (key,))

    def rename_user(self, key: int, name: str) -> Row:
        """Rename a user."""
        self.user(key)
        self._write("UPDATE users SET name = ? WHERE id = ?", (name, key))
        return self.user(key)

    def create_pre_auth_key(self, wanted: NewKey, now: str) -> tuple[Row, str]:
        """Create a pre-auth key; the whole key is given here only."""
        if not wanted.user and not wanted.tags:
            raise Fault(UNKNOWN, "pre auth key must be either tagged or owned by user")
        bad = [tag for tag in wanted.tags if not tag.startswith("tag:")]
        if bad:
            raise Fault(INVALID, f"tag must start with the string 'tag:': {bad[0]}")
        owner = self.user(wanted.user)["id"] if wanted.user else None
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(48)
        tags = ",".join(sorted(set(wanted.tags)))
        row = (prefix, _digest(secret), owner, wanted.reusable, wanted.ephemeral, tags, wanted.expiration, now)
        fields = "prefix, hash, user_id, reusable, ephemeral, tags, expiration, created_at"
        key = self._write(
            f"INSERT INTO pre_auth_keys ({fields}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            row,
        )
        (created,) = self._rows("SELECT * FROM pre_auth_keys WHERE id = ?", (key,))
        return created, f"hskey-auth-{prefix}-{secret}"

    def pre_auth_keys(self) -> list[Row]:
        """List all pre-auth keys."""
        return self._rows("SELECT * FROM pre_auth_keys ORDER BY id")

    def expire_pre_auth_key(self, key: int, now: str) -> None:
        """Let a pre-auth key expire now."""
        if not self._write("UPDATE pre_auth_keys SET expiration = ? WHERE id = ?", (now, key)):
            raise Fault(UNKNOWN, "AuthKey not found")

    def delete_pre_auth_key(self, key: int) -> None:
        """Delete a pre-auth key."""
        if not self._write("DELETE FROM pre_auth_keys WHERE id = ?", (key,)):
            raise Fault(UNKNOWN, "AuthKey not found")

    def create_api_key(self, expiration: str, now: str) -> str:
        """Create an API key; the whole key is given here only."""
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(48)
        row = (prefix, _digest(secret), expiration, now)
        self._write("INSERT INTO api_keys (prefix, hash, expiration, created_at) VALUES (?, ?, ?, ?)", row)
        return f"hskey-api-{prefix}-{secret}"

    def api_keys(self) -> list[Row]:
        """List all API keys."""
        return self._rows("SELECT * FROM api_keys ORDER BY id")

    def valid_api_key(self, text: str, now: str) -> bool:
        """Check an API key and its expiry."""
        prefix, _, secret = text.removeprefix("hskey-api-").partition("-")
        found = self._rows("SELECT hash, expiration FROM api_keys WHERE prefix = ?", (prefix,))
        return bool(found) and found[0]["hash"] == _digest(secret) and found[0]["expiration"] > now

    def expire_api_key(self, prefix: str, now: str) -> None:
        """Let an API key expire now."""
        plain = prefix.removeprefix("hskey-api-").partition("-")[0]
        if not self._write("UPDATE api_keys SET expiration = ? WHERE prefix = ?", (now, plain)):
            raise Fault(UNKNOWN, "record not found")

    def delete_api_key(self, prefix: str) -> None:
        """Delete an API key."""
        plain = prefix.removeprefix("hskey-api-").partition("-")[0]
        if not self._write("DELETE FROM api_keys WHERE prefix = ?", (plain,)):
            raise Fault(UNKNOWN, "record not found")
