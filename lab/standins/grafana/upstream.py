"""Requests to the data sources themselves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from lab.standins.grafana.provisioning import DataSource

PROBES = {
    "prometheus": ("/api/v1/query?query=1%2B1", "Successfully queried the Prometheus API."),
    "loki": ("/loki/api/v1/query?query=vector(1)%2Bvector(1)", "Data source successfully connected."),
    "alertmanager": ("/api/v2/status", "Health check passed."),
}


@dataclass(frozen=True)
class Answer:
    """An upstream's answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


def ask(url: str, method: str = "GET", body: bytes | None = None, content_type: str = "") -> Answer:
    """Send one request; 502 when nothing answers."""
    headers = {"Content-Type": content_type} if content_type else {}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            return Answer(reply.status, reply.read(), reply.headers.get("Content-Type", ""))
    except urllib.error.HTTPError as reply:
        return Answer(reply.code, reply.read(), reply.headers.get("Content-Type", ""))
    except (OSError, ValueError) as fault:
        return Answer(502, json.dumps({"message": f"Bad gateway: {fault}"}).encode())


def health(source: DataSource) -> tuple[int, dict[str, str]]:
    """Query a data source for real."""
    if source.type not in PROBES:
        return 404, {"message": "Plugin not found", "status": "ERROR"}
    path, message = PROBES[source.type]
    answer = ask(source.url.rstrip("/") + path)
    if answer.status == 200:
        return 200, {"message": message, "status": "OK"}
    detail = answer.body.decode(errors="replace")[:200]
    return 400, {"message": f"{answer.status}: {detail}", "status": "ERROR"}
