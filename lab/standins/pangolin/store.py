"""What Pangolin keeps, in SQLite: admin, organizations, sites with their blueprints, Gerbil's key."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS admin (email TEXT, hash TEXT);
CREATE TABLE IF NOT EXISTS orgs (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS sites (
    id INTEGER PRIMARY KEY, org TEXT, nice TEXT UNIQUE, newt TEXT UNIQUE, hash TEXT, blueprint TEXT DEFAULT ''
);
CREATE TABLE IF NOT EXISTS gerbil (certificate TEXT);
"""
_ROUNDS = 10_000


def _hash(value: str, salt: str = "") -> str:
    salt = salt or secrets.token_hex(8)
    return f"{salt}${hashlib.pbkdf2_hmac('sha256', value.encode(), salt.encode(), _ROUNDS).hex()}"


def _matches(value: str, stored: str) -> bool:
    return secrets.compare_digest(_hash(value, stored.partition("$")[0]), stored)


class Store:
    """The database, and what need not outlive the process: sessions, tunnels' tickets."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(SCHEMA)
        self._lock = threading.Lock()
        self.sessions: set[str] = set()
        self.tokens: dict[str, int] = {}
        self.tickets: dict[str, int] = {}
        self.seen: dict[int, float] = {}

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock, self._db:
            return self._db.execute(sql, values).fetchall()

    @property
    def complete(self) -> bool:
        """Whether there is an admin."""
        return bool(self._rows("SELECT 1 FROM admin"))

    def make_admin(self, email: str, password: str) -> None:
        """Make the one admin."""
        self._rows("INSERT INTO admin VALUES (?, ?)", email, _hash(password))

    def log_in(self, email: str, password: str) -> str:
        """Give a session; empty when they are not the admin's."""
        rows = self._rows("SELECT hash FROM admin WHERE email = ?", email)
        if not rows or not _matches(password, rows[0][0]):
            return ""
        session = secrets.token_hex(16)
        self.sessions.add(session)
        return session

    def orgs(self) -> list[str]:
        """The organizations' ids."""
        return [row[0] for row in self._rows("SELECT id FROM orgs ORDER BY id")]

    def make_org(self, name: str) -> None:
        """Make one. Raises sqlite3.IntegrityError for one that is there."""
        self._rows("INSERT INTO orgs VALUES (?)", name)

    def sites(self, org: str) -> list[dict[str, Any]]:
        """An organization's sites."""
        rows = self._rows("SELECT id, nice, newt FROM sites WHERE org = ? ORDER BY id", org)
        fresh = time.monotonic() - 30
        return [
            {"siteId": i, "niceId": nice, "newtId": newt, "online": self.seen.get(i, 0) > fresh}
            for i, nice, newt in rows
        ]

    def make_site(self, org: str, nice: str, newt: str, secret: str) -> None:
        """Make one. Raises sqlite3.IntegrityError for one that is there."""
        sql = "INSERT INTO sites (org, nice, newt, hash) VALUES (?, ?, ?, ?)"
        self._rows(sql, org, nice, newt, _hash(secret))

    def newt(self, newt: str, secret: str) -> str:
        """Give a token for a site's client; empty when the credentials are not its."""
        rows = self._rows("SELECT id, hash FROM sites WHERE newt = ?", newt)
        if not rows or not _matches(secret, rows[0][1]):
            return ""
        token = secrets.token_hex(16)
        self.tokens[token] = rows[0][0]
        return token

    def ticket(self, site: int) -> str:
        """What a client shows Gerbil; a site has one."""
        for ticket, known in self.tickets.items():
            if known == site:
                return ticket
        ticket = secrets.token_hex(16)
        self.tickets[ticket] = site
        return ticket

    def put_blueprint(self, site: int, text: str) -> None:
        """Keep what a site wants to be public."""
        self._rows("UPDATE sites SET blueprint = ? WHERE id = ? AND blueprint != ?", text, site, text)

    def blueprints(self) -> dict[int, str]:
        """Every site's blueprint."""
        return dict(self._rows("SELECT id, blueprint FROM sites ORDER BY id"))

    def put_certificate(self, pem: str) -> None:
        """Keep Gerbil's certificate, which stands for its public key."""
        self._rows("DELETE FROM gerbil")
        self._rows("INSERT INTO gerbil VALUES (?)", pem)

    def certificate(self) -> str:
        """Give it; empty before Gerbil was there."""
        rows = self._rows("SELECT certificate FROM gerbil")
        return rows[0][0] if rows else ""
