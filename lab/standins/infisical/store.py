"""The server's state, and whether the database is this server's."""

from __future__ import annotations

import hashlib
import hmac

from lab.standins.rows import MemoryStore, PostgresStore, Row, Store

__all__ = ["MemoryStore", "PostgresStore", "Row", "Store", "same_encryption_key"]


def same_encryption_key(store: Store, key: str) -> bool:
    """Say whether the database was made with this ENCRYPTION_KEY; note the key of a new one.

    The real server cannot decrypt its root key with another ENCRYPTION_KEY and stops at start.
    """
    mark = hmac.new(key.encode(), b"estate lab root key", hashlib.sha256).hexdigest()
    store.add("instance", "root-key", {"mark": mark})
    found = store.get("instance", "root-key") or {}
    return hmac.compare_digest(str(found.get("mark")), mark)
