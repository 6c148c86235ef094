"""What the bridge is told: config.json and secrets.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """What config.json says: no secret. Times are seconds unless the name says otherwise.

    + kuma: http://HOST:PORT of Uptime Kuma; empty: nothing is forwarded
    + error_requests: an hour with fewer requests has no error rate worth an alert
    + silent_after: /status calls a node silent from then on (Kuma's own interval raises the alarm)
    """

    nodes: tuple[str, ...]
    listen: str = "127.0.0.1"
    port: int = 8490
    kuma: str = ""
    kuma_timeout: float = 5
    cert_days: float = 14
    disk_percent: float = 85
    error_percent: float = 5
    error_requests: int = 20
    clock_skew: float = 300
    silent_after: float = 60
    history_days: float = 30
    backup_keep: int = 7
    backup_max_mb: float = 512
    request_seconds: float = 30
    backup_seconds: float = 900
    connections: int = 64


@dataclass(frozen=True)
class Secrets:
    """What secrets.json says: the nodes' tokens, and the tokens of their two monitors in Kuma."""

    push: Mapping[str, str] = field(repr=False)
    kuma: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)


def load(config: Path, secrets: Path) -> tuple[Config, Secrets]:
    """Read both files. Raises ValueError with all that is wrong with them; no value of a secret is in it."""
    read, hidden = json.loads(config.read_text()), json.loads(secrets.read_text())
    faults = [f"{config}: unknown key {key}" for key in sorted(set(read) - {item.name for item in fields(Config)})]
    nodes = tuple(read.get("nodes", ()))
    faults += [] if nodes else [f"{config}: no nodes"]
    push, kuma = hidden.get("push", {}), hidden.get("kuma", {})
    faults += [
        f"{secrets}: push: {node} has no token of 16 characters or more" for node in nodes if not _token(push, node)
    ]
    if read.get("kuma"):
        for node in nodes:
            faults += [
                f"{secrets}: kuma: {node} has no {sev}" for sev in ("sev2", "sev1") if not kuma.get(node, {}).get(sev)
            ]
    if faults:
        raise ValueError("\n".join(faults))
    return Config(**{**read, "nodes": nodes}), Secrets(push, kuma)


def _token(tokens: Mapping[str, str], node: str) -> bool:
    return isinstance(tokens.get(node), str) and len(tokens[node]) >= 16
