"""The audit log: rows in the database, and a line of JSON on standard output each, as Authentik logs its events."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.standins.rows import Store

EVENT = "event"


class Events:
    """Writes the audit log."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self.store, self.now = store, now

    def add(self, action: str, user: str, client_ip: str, **context: Any) -> None:
        """Note an event; `action` as Authentik calls it (login, login_failed, authorize_application, …)."""
        created = datetime.fromtimestamp(self.now(), UTC).isoformat()
        row: dict[str, Any] = {
            "pk": secrets.token_hex(8),
            "action": action,
            "app": "authentik.lab_standin",
            "user": {"username": user},
            "context": context,
            "client_ip": client_ip,
            "created": created,
        }
        self.store.add(EVENT, row["pk"], row)
        line = {"event": "Created Event", "action": action, "user": row["user"], "client_ip": client_ip}
        level = "warning" if action == "login_failed" else "info"
        print(json.dumps(line | {"context": context, "level": level, "timestamp": created}), flush=True)

    def newest(self, match: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        """The newest events that match, newest first."""
        return list(reversed(self.store.every(EVENT, **match)))[:limit]
