"""A node's report: what it must look like, and what is out of bounds in it."""

from __future__ import annotations

from typing import Any

from push_bridge.config import Config

RANGES: dict[str, tuple[bool, float, float]] = {
    # whole number, least, most
    "ts": (True, 1_600_000_000, 4_102_444_800),
    "ram_mb": (False, 0, 1e7),
    "ram_pct": (False, 0, 100),
    "disk_mb": (False, 0, 1e9),
    "disk_pct": (False, 0, 100),
    "cpu_pct": (False, 0, 100_000),
    "db_size_mb": (False, 0, 1e9),
    "active_sessions": (True, 0, 1e9),
    "req_1h": (True, 0, 1e12),
    "err_1h": (True, 0, 1e12),
    "cert_days_remaining": (False, -3650, 3650),
    "nix_gen": (True, 0, 1e9),
    "uptime_s": (False, 0, 1e10),
}
FIELDS = ("node", *RANGES, "db_integrity")
Payload = dict[str, Any]


def faults_of(payload: object, node: str) -> list[str]:
    """All that keeps a report from being one, in words."""
    if not isinstance(payload, dict):
        return ["it is not a JSON object"]
    faults = [f"{name} is missing" for name in FIELDS if name not in payload]
    if payload.get("node", node) != node:
        faults.append(f"node is not {node}")
    for name, (whole, least, most) in RANGES.items():
        value = payload.get(name, least)
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            faults.append(f"{name} is not a{' whole' if whole else ''} number")
        elif not least <= value <= most:
            faults.append(f"{name} is not between {least:g} and {most:g}")
    text = payload.get("db_integrity", "ok")
    if not isinstance(text, str) or not 0 < len(text) <= 200 or not text.isprintable():
        faults.append("db_integrity is not a short line of text")
    if not faults and payload["err_1h"] > payload["req_1h"]:
        faults.append("err_1h is more than req_1h")
    return faults


def out_of_bounds(payload: Payload, config: Config) -> list[str]:
    """What makes a node's heartbeat in Kuma `down`."""
    found = []
    if payload["db_integrity"] != "ok":
        found.append(f"db_integrity: {payload['db_integrity']}")
    if payload["cert_days_remaining"] < config.cert_days:
        found.append(f"certificate: {payload['cert_days_remaining']:g} days left, less than {config.cert_days:g}")
    if payload["disk_pct"] > config.disk_percent:
        found.append(f"disk: {payload['disk_pct']:g} % used, more than {config.disk_percent:g} %")
    if payload["req_1h"] >= config.error_requests:
        rate = 100 * payload["err_1h"] / payload["req_1h"]
        if rate > config.error_percent:
            found.append(f"errors: {rate:.1f} % of the last hour's requests, more than {config.error_percent:g} %")
    return found


def summary(payload: Payload) -> str:
    """A healthy report in one line, for Kuma's list of events."""
    return (
        f"cert {payload['cert_days_remaining']:g} d, disk {payload['disk_pct']:g} %, ram {payload['ram_pct']:g} %, "
        f"cpu {payload['cpu_pct']:g} %, errors {payload['err_1h']}/{payload['req_1h']}, gen {payload['nix_gen']}"
    )
