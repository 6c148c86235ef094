"""The admin user: made at the first start and never changed by the environment afterwards."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import sqlite3
import threading
from pathlib import Path

SCHEMA = "CREATE TABLE IF NOT EXISTS user (id INTEGER PRIMARY KEY, login TEXT UNIQUE, salt TEXT, password TEXT)"


def _hash(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 10_000, 50).hex()


class Users:
    """Users in grafana.db."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(str(path), check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(SCHEMA)

    def first_start(self, login: str, password: str) -> bool:
        """Create the admin when there is no user yet; say whether it did."""
        with self._lock, self._db:
            if self._db.execute("SELECT 1 FROM user").fetchone():
                return False
            salt = secrets.token_hex(8)
            row = (login, salt, _hash(password, salt))
            self._db.execute("INSERT INTO user (login, salt, password) VALUES (?, ?, ?)", row)
            return True

    def reset(self, password: str) -> None:
        """Set the first user's password, as `grafana cli admin reset-admin-password` does."""
        salt = secrets.token_hex(8)
        with self._lock, self._db:
            row = (salt, _hash(password, salt))
            self._db.execute("UPDATE user SET salt = ?, password = ? WHERE id = 1", row)

    def login(self, login: str, password: str) -> bool:
        """Check a password."""
        with self._lock:
            row = self._db.execute("SELECT salt, password FROM user WHERE login = ?", (login,)).fetchone()
        return bool(row) and hmac.compare_digest(_hash(password, row[0]), row[1])

    def basic(self, header: str) -> bool:
        """Check an Authorization header."""
        scheme, _, encoded = header.partition(" ")
        try:
            login, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return scheme.lower() == "basic" and self.login(login, password)

    def ok(self) -> bool:
        """Say whether the database answers."""
        try:
            with self._lock:
                self._db.execute("SELECT 1").fetchone()
        except sqlite3.Error:
            return False
        return True
