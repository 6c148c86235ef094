"""Whether a switched node is well, from what the push bridge knows of it (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estate.models.edge import Rollout, Telemetry

FEW = 20
"""Requests below which an error rate says nothing."""


@dataclass(frozen=True)
class Sample:
    """A node's requests and errors of the last hour."""

    requests: int = 0
    errors: int = 0

    @property
    def rate(self) -> float:
        """Errors a request."""
        return self.errors / self.requests if self.requests else 0.0


def _entry(status: Mapping[str, Any], node: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = status.get("nodes", {}).get(node) or {}
    return entry


def sample(status: Mapping[str, Any], node: str) -> Sample:
    """The node's counters in its last push; zero when there is none."""
    payload = _entry(status, node).get("payload") or {}
    return Sample(int(payload.get("req_1h", 0)), int(payload.get("err_1h", 0)))


def telemetry_faults(status: Mapping[str, Any], node: str, since: float, limits: Telemetry) -> list[str]:
    """What the telemetry says against a node that was switched at `since` (the hub's clock, seconds since 1970)."""
    entry = _entry(status, node)
    payload = entry.get("payload") or {}
    received = entry.get("received") or 0
    if received <= since:
        return ["no telemetry since the switch"]
    found = []
    if payload.get("db_integrity") != "ok":
        found.append(f"db_integrity is {payload.get('db_integrity')}")
    if float(payload.get("disk_pct", 0)) > limits.disk_percent:
        found.append(f"disk is {payload.get('disk_pct')} % full")
    return found


def error_fault(before: Sample, after: Sample, rollout: Rollout, limits: Telemetry) -> str:
    """Why the errors of a switched node are too many; empty when they are not."""
    allowed = max(before.rate * rollout.error_factor, limits.error_percent / 100)
    if after.requests < FEW or after.rate <= allowed:
        return ""
    return f"{after.rate:.0%} of {after.requests} requests fail, {before.rate:.0%} did before"
