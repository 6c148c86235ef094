"""What ends by itself: when it is reported, and when it stops a deploy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from estate.secrets.audit import Finding, Severity

RENEWED = {"certificate", "pre-auth key"}
"""Kinds that something else renews in time: never a reason to refuse the deploy that might mend it."""
PREAUTH_WARN = timedelta(days=5)
"""The deploy renews pre-auth keys seven days before their end (estate/plan/headscale.py)."""
LATE = 6
"""A certificate is late for its renewal with less than a sixth of its life left (Caddy renews at a third)."""


@dataclass(frozen=True)
class Expiry:
    """A thing with an end.

    + lifetime: from its beginning to its end, where that is known
    """

    name: str
    kind: str
    expires: datetime
    lifetime: timedelta | None
    remedy: str


@dataclass(frozen=True)
class Thresholds:
    """Time left from which an expiry is reported, and from which it stops a deploy."""

    warn: timedelta
    refuse: timedelta


def _left(time: timedelta) -> str:
    hours = int(abs(time).total_seconds() // 3600)
    text = f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
    return f"{text} ago" if time < timedelta(0) else f"in {text}"


def _severity(entry: Expiry, left: timedelta, thresholds: Thresholds) -> Severity | None:
    if entry.kind in RENEWED:
        limit = entry.lifetime / LATE if entry.kind == "certificate" and entry.lifetime else PREAUTH_WARN
        return Severity.WARN if left < limit else None
    if left <= thresholds.refuse:
        return Severity.REFUSE
    return Severity.WARN if left <= thresholds.warn else None


def findings(ledger: Iterable[Expiry], now: datetime, thresholds: Thresholds) -> list[Finding]:
    """What ends soon or has ended, the first to end first."""
    found = []
    for entry in sorted(ledger, key=lambda one: one.expires):
        left = entry.expires - now
        severity = _severity(entry, left, thresholds)
        if severity is not None:
            verb = "expired" if left < timedelta(0) else "expires"
            found.append(Finding(entry.name, (), f"{entry.kind} {verb} {_left(left)}", severity, entry.remedy))
    return found
