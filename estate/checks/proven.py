"""What a host's backups say to a deploy: how old the newest proof is, and whether a migration may go ahead (pure).

The rule, and why: docs/decisions/0020-proof-before-migration.md.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from estate.models.backup import BackupSettings
from estate.models.faults import Fault
from estate.models.stack import Stack

DAY = 86400
_GRACE = DAY
"""Seconds after the first deploy in which there need be no set yet."""


@dataclass
class Told:
    """What the preflight read: drills by set, whether there is any set, since when the stack is there, live images."""

    drills: Mapping[str, Any] = field(default_factory=dict)
    has_sets: bool = False
    deployed: float = 0
    images: dict[str, str] = field(default_factory=dict)


def told(lines: Iterable[str]) -> Told:
    """From the preflight's lines (facts/preflight.sh); what cannot be read counts as not there."""
    found = Told()
    for line in lines:
        kind, *fields = line.split("\t")
        match kind, fields:
            case "backup-proven", [text]:
                found.drills = _object(text)
            case "backup-sets", _:
                found.has_sets = True
            case "backup-since", [since] if since.isdigit():
                found.deployed = int(since)
            case "backup-image", [service, image]:
                found.images[service] = image
    return found


def _object(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _time(value: Any) -> float:
    """Seconds since 1970 of a time as the host's program writes it; 0 when it is none."""
    if isinstance(value, int | float):
        return float(value)
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return 0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _services(drill: Mapping[str, Any]) -> Iterator[str]:
    """The services that a drill proved: it names those alone, even when another one failed."""
    found = drill.get("services")
    yield from (str(name) for name in found if isinstance(name, str)) if isinstance(found, list) else ()


def proofs(drills: Mapping[str, Any]) -> dict[str, float]:
    """When each service was last proven, in seconds since 1970."""
    newest: dict[str, float] = {}
    for drill in drills.values():
        if isinstance(drill, Mapping):
            for name in _services(drill):
                newest[name] = max(newest.get(name, 0), _time(drill.get("at")))
    return newest


def warning(name: str, settings: BackupSettings, lines: Iterable[str], now: float) -> str:
    """What every deploy says of the backups as long as it is so; empty when all is well, or the stack is new."""
    found = told(lines)
    if not found.deployed or (not found.has_sets and now - found.deployed < _GRACE):
        return ""
    if not found.has_sets:
        return f"{name}: there is no backup set yet; `estate backup run` makes one"
    drills = [drill for drill in found.drills.values() if isinstance(drill, Mapping)]
    if not drills:
        return f"{name}: no restore was ever proven; `estate backup drill` does that"
    last = max(drills, key=lambda drill: _time(drill.get("at")))
    if not last.get("ok"):
        return f"{name}: the last restore drill failed ({last.get('why') or 'see its evidence'}); `estate backup drill`"
    days = (now - _time(last.get("at"))) / DAY
    if days > settings.drill.warn_after:
        return f"{name}: the last proven restore is {days:.0f} days old; `estate backup drill` makes a new one"
    return ""


def refusals(name: str, settings: BackupSettings, stack: Stack, lines: Iterable[str], now: float) -> list[Fault]:
    """Services that would get another image and rewrite data of which no restore was proven lately."""
    found, limit = told(lines), settings.drill.refuse_after
    # A stack that was made today has nothing to lose yet
    settled = found.has_sets or (found.deployed and now - found.deployed > _GRACE)
    if not limit or not settled:
        return []
    proven = proofs(found.drills)
    faults = []
    for service in stack.containers:
        live = found.images.get(service.name)
        if service.migration is None or live is None or live == str(service.image):
            continue
        for owner in service.migration.data_of or (service.name,):
            days = (now - proven[owner]) / DAY if owner in proven else None
            if days is not None and days <= limit:
                continue
            state = "was never proven" if days is None else f"was last proven {days:.0f} days ago"
            fault = f"{live} to {service.image} rewrites the data of {owner}, of which a restore {state}"
            remedy = "`estate backup run --kind pre-migration`, then `estate backup drill`"
            faults.append(Fault(f"{name}/{service.name}/migration", fault, remedy))
    return faults
