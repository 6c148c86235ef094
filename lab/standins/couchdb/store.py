"""Databases and documents in SQLite: one revision a document, the one that wins; losers of a conflict are not kept."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

Document = dict[str, Any]
USERS = "_users"
_TABLES = """
CREATE TABLE IF NOT EXISTS db (name TEXT PRIMARY KEY, security TEXT NOT NULL, seq INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS doc (db TEXT, id TEXT, revs TEXT NOT NULL, deleted INTEGER NOT NULL, body TEXT NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (db, id));
CREATE TABLE IF NOT EXISTS own (db TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (db, id));
"""


class ConflictError(ValueError):
    """Another revision is the current one."""


def _order(revision: str) -> tuple[int, str]:
    number, _, rest = revision.partition("-")
    return int(number), rest


def hashed(password: str, salt: str) -> str:
    """A user's password as it is kept."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


class Store:
    """One file; each call is one transaction."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._link = sqlite3.connect(path, check_same_thread=False)
        self._link.executescript(_TABLES)

    def create(self, name: str) -> bool:
        """Make a database; say whether it was not there."""
        with self._lock, self._link:
            cursor = self._link.execute("INSERT OR IGNORE INTO db (name, security) VALUES (?, '{}')", (name,))
            return cursor.rowcount == 1

    def drop(self, name: str) -> bool:
        """Remove a database and everything in it."""
        with self._lock, self._link:
            for table in ("doc", "own"):
                self._link.execute(f"DELETE FROM {table} WHERE db = ?", (name,))  # noqa: S608
            return self._link.execute("DELETE FROM db WHERE name = ?", (name,)).rowcount == 1

    def names(self) -> list[str]:
        """Every database."""
        with self._lock:
            return [row[0] for row in self._link.execute("SELECT name FROM db ORDER BY name")]

    def info(self, name: str) -> tuple[int, int]:
        """The last sequence number and the number of documents. Raises KeyError."""
        with self._lock:
            row = self._link.execute("SELECT seq FROM db WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise KeyError(name)
            count = self._link.execute("SELECT count(*) FROM doc WHERE db = ? AND NOT deleted", (name,)).fetchone()
            return int(row[0]), int(count[0])

    def security(self, name: str, new: Document | None = None) -> Document:
        """The database's access list, replaced first when there is a new one. Raises KeyError."""
        with self._lock, self._link:
            if new is not None:
                self._link.execute("UPDATE db SET security = ? WHERE name = ?", (json.dumps(new), name))
            row = self._link.execute("SELECT security FROM db WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise KeyError(name)
            found: Document = json.loads(row[0])
            return found

    def get(self, name: str, key: str) -> tuple[Document, list[str], bool] | None:
        """A document's body, its revisions (newest first), and whether it is deleted."""
        with self._lock:
            row = self._link.execute(
                "SELECT body, revs, deleted FROM doc WHERE db = ? AND id = ?", (name, key)
            ).fetchone()
            return (json.loads(row[0]), json.loads(row[1]), bool(row[2])) if row else None

    def put(self, name: str, key: str, document: Document) -> str:
        """Store an edit; gives its revision. Raises ConflictError unless it names the current one."""
        with self._lock:
            there = self.get(name, key)
            revs, deleted = (there[1], there[2]) if there else ([], True)
            given = document.get("_rev")
            if (revs and not deleted and given != revs[0]) or (given and (not revs or given != revs[0])):
                raise ConflictError(key)
            body = {name: value for name, value in document.items() if not name.startswith("_")}
            if name == USERS and "password" in body:
                salt = os.urandom(8).hex()
                body |= {"salt": salt, "derived_key": hashed(str(body.pop("password")), salt)}
            text = json.dumps([revs[:1], body, document.get("_deleted", False)], sort_keys=True)
            digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            revision = f"{(_order(revs[0])[0] if revs else 0) + 1}-{digest}"
            self._write(name, key, [revision, *revs], bool(document.get("_deleted")), body)
            return revision

    def replicate(self, name: str, document: Document) -> None:
        """Take another database's edit over as it is; the higher revision wins."""
        key, history = str(document["_id"]), document.get("_revisions")
        start = history["start"] if history else _order(document["_rev"])[0]
        revs = [f"{start - i}-{rest}" for i, rest in enumerate(history["ids"])] if history else [document["_rev"]]
        with self._lock:
            there = self.get(name, key)
            if there and (revs[0] in there[1] or _order(there[1][0]) > _order(revs[0])):
                return
            body = {name: value for name, value in document.items() if not name.startswith("_")}
            self._write(name, key, revs, bool(document.get("_deleted")), body)

    def _write(self, name: str, key: str, revs: list[str], deleted: bool, body: Document) -> None:
        with self._link:
            self._link.execute("UPDATE db SET seq = seq + 1 WHERE name = ?", (name,))
            seq = self._link.execute("SELECT seq FROM db WHERE name = ?", (name,)).fetchone()[0]
            values = (name, key, json.dumps(revs[:1000]), deleted, json.dumps(body), seq)
            self._link.execute("INSERT OR REPLACE INTO doc VALUES (?, ?, ?, ?, ?, ?)", values)

    def every(self, name: str, since: int = -1) -> list[tuple[str, str, bool, int]]:
        """Id, revision, whether deleted, sequence number: of what changed after a number, in that order."""
        with self._lock:
            rows = self._link.execute(
                "SELECT id, revs, deleted, seq FROM doc WHERE db = ? AND seq > ? ORDER BY seq", (name, since)
            )
            return [(row[0], json.loads(row[1])[0], bool(row[2]), row[3]) for row in rows]

    def own(self, name: str, key: str, new: Document | None = None) -> Document | None:
        """A _local document: not replicated, without history."""
        with self._lock, self._link:
            if new is not None:
                values = (name, key, json.dumps(new))
                self._link.execute("INSERT OR REPLACE INTO own VALUES (?, ?, ?)", values)
            row = self._link.execute("SELECT body FROM own WHERE db = ? AND id = ?", (name, key)).fetchone()
            return json.loads(row[0]) if row else None
