"""Caddy's access log as lines in Traefik's common format (doc.traefik.io, observe/logs-and-access-logs)."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


def line(record: dict[str, Any], number: int) -> str:
    """One request."""
    request = record["request"]
    moment = datetime.fromtimestamp(record["ts"], timezone.utc)  # noqa: UP017
    user = record.get("user_id") or "-"
    agent = (request.get("headers", {}).get("User-Agent") or ["-"])[0].replace('"', "%22")
    referrer = (request.get("headers", {}).get("Referer") or ["-"])[0].replace('"', "%22")
    uri = request["uri"].replace('"', "%22")
    address = request.get("remote_ip") or request["remote_addr"].rpartition(":")[0]
    return (
        f'{address} - {user} [{moment:%d/%b/%Y:%H:%M:%S +0000}] "{request["method"]} {uri} {request["proto"]}" '
        f'{record["status"]} {record["size"]} "{referrer}" "{agent}" {number} "-" "-" '
        f"{int(record['duration'] * 1000)}ms\n"
    )


class AccessLog:
    """The file: opened to append, so that it can be emptied in place."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._count = 0

    def take(self, text: str) -> None:
        """Write what Caddy said of one request; anything else is passed over."""
        try:
            record = json.loads(text)
            self._count += 1
            self._file.write(line(record, self._count))
        except (ValueError, KeyError, TypeError):
            return
