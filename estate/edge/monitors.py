"""Uptime Kuma's monitors: what the mesh wants there, and what has to change for it.

Kuma has one threshold a monitor, so a node has two push monitors: "sev2", an alarm after two missed reports, and
"sev1". A push proves that the process reaches the hub and not that users reach the node, hence a third one, over HTTPS.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr

from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults, Fault

Json = dict[str, Any]
Severity = Literal["sev2", "sev1"]
MARK = "estate:"
"""Begins the description of each monitor that is ours; others are never touched."""
SHORTEST = 20
"""Seconds: the shortest interval of Kuma 2.0.0-dev.0 (src/util.js, MIN_INTERVAL_SECOND); 2.5.3 takes 1."""


@dataclass(frozen=True)
class Monitor:
    """One monitor as it should be; times in seconds.

    + key: "NODE" for the group, "NODE/sev2", "NODE/sev1", "NODE/https"
    + parent: the key of its group
    + retries: failures before the alarm, each after `retry_interval`
    """

    key: str
    name: str
    kind: Literal["group", "push", "http"]
    interval: int = 60
    parent: str = ""
    push_token: SecretStr | None = None
    url: str = ""
    retries: int = 0
    retry_interval: int = 60

    @property
    def settings(self) -> Json:
        """What Kuma is told, but for the group's id and the notifications, which only Kuma knows."""
        found: Json = {
            "name": self.name,
            "type": self.kind,
            "description": f"{MARK}{self.key}",
            "interval": self.interval,
            "retryInterval": self.retry_interval,
            "maxretries": self.retries,
            "resendInterval": 0,
        }
        if self.push_token:
            found["pushToken"] = self.push_token.get_secret_value()
        if self.url:
            standard = {"method": "GET", "maxredirects": 0, "ignoreTls": False, "expiryNotification": True}
            found |= {"url": self.url, "timeout": 30, "accepted_statuscodes": ["200-299"], **standard}
        return found


@dataclass(frozen=True)
class Edit:
    """A monitor that differs, and in which settings."""

    id: int
    monitor: Monitor
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Changes:
    """What brings Kuma to what is wanted; groups come before what is in them."""

    add: tuple[Monitor, ...] = ()
    edit: tuple[Edit, ...] = ()
    delete: Mapping[int, str] = field(default_factory=dict)
    """Ids and names of monitors that are ours and no longer wanted."""

    def __bool__(self) -> bool:
        """True when there is anything to do."""
        return bool(self.add or self.edit or self.delete)


def derive(seed: SecretStr, purpose: str, length: int) -> SecretStr:
    """A token for one purpose: hexadecimal digits of its HMAC-SHA256 with the seed as the key."""
    digest = hmac.new(seed.get_secret_value().encode(), purpose.encode(), hashlib.sha256)
    return SecretStr(digest.hexdigest()[:length])


def push_token(seed: SecretStr, node: str) -> SecretStr:
    """What a node shows to the push bridge."""
    return derive(seed, f"push:{node}", 40)


def kuma_token(seed: SecretStr, severity: Severity, node: str) -> SecretStr:
    """What the push bridge shows to Kuma for one of a node's two monitors: 32 letters and digits, as Kuma's own."""
    return derive(seed, f"kuma:{severity}:{node}", 32)


def wanted(mesh: Mesh, seed: SecretStr) -> list[Monitor]:
    """All monitors of the fleet. Raises EstateFaults when Kuma would refuse an interval."""
    times = {"sev2_after": mesh.telemetry.sev2_after, "sev1_after": mesh.telemetry.sev1_after}
    short = [
        Fault(f"telemetry/{name}", f"{seconds} s is less than Kuma's shortest interval", f"make it {SHORTEST} or more")
        for name, seconds in times.items()
        if seconds < SHORTEST
    ]
    if short:
        raise EstateFaults(short)
    return [monitor for node in mesh.nodes for monitor in _of(mesh, node, seed)]


def _of(mesh: Mesh, node: Node, seed: SecretStr) -> list[Monitor]:
    name, telemetry = node.name, mesh.telemetry
    pushes: tuple[tuple[Severity, int], ...] = (("sev2", telemetry.sev2_after), ("sev1", telemetry.sev1_after))
    return [
        Monitor(name, f"{name} ({node.city})", "group"),
        *(
            Monitor(
                f"{name}/{severity}",
                f"{name} {severity.upper()}: no report for {seconds} s",
                "push",
                interval=seconds,
                retry_interval=seconds,
                parent=name,
                push_token=kuma_token(seed, severity, name),
            )
            for severity, seconds in pushes
        ),
        Monitor(
            f"{name}/https",
            f"{name} HTTPS",
            "http",
            parent=name,
            url=f"https://{mesh.public_name(node)}/health",
            retries=1,
            retry_interval=SHORTEST,
        ),
    ]


def key_of(monitor: Mapping[str, Any]) -> str:
    """The key of a monitor that is ours; empty for anyone else's."""
    description = monitor.get("description")
    return description.removeprefix(MARK) if isinstance(description, str) and description.startswith(MARK) else ""


def ours(present: Mapping[int, Json]) -> dict[str, int]:
    """Ids by key. A monitor that was cloned in Kuma has our mark too: the oldest is the one."""
    found: dict[str, int] = {}
    for number in sorted(present):
        if key := key_of(present[number]):
            found.setdefault(key, number)
    return found


def changes(monitors: Sequence[Monitor], present: Mapping[int, Json], notifications: Sequence[int] = ()) -> Changes:
    """What has to change.

    + present: Kuma's monitors by id, as it lists them
    + notifications: ids of the notifications that every monitor of ours has, but for groups
    """
    known = ours(present)
    keys = {monitor.key for monitor in monitors}
    edits = []
    for monitor in monitors:
        if monitor.key in known:
            fields = _differs(monitor, present[known[monitor.key]], known, notifications)
            edits += [Edit(known[monitor.key], monitor, fields)] if fields else []
    return Changes(
        add=tuple(monitor for monitor in monitors if monitor.key not in known),
        edit=tuple(edits),
        delete={
            number: str(present[number].get("name"))
            for number in sorted(present)
            if key_of(present[number]) and key_of(present[number]) not in keys
        },
    )


def notified(monitor: Monitor, notifications: Sequence[int]) -> dict[str, bool]:
    """Kuma's form of who is told; a group tells nobody, its members do."""
    return {str(number): True for number in notifications} if monitor.kind != "group" else {}


def _differs(
    monitor: Monitor, found: Mapping[str, Any], known: Mapping[str, int], notifications: Sequence[int]
) -> tuple[str, ...]:
    fields = [name for name, value in monitor.settings.items() if found.get(name) != value]
    if found.get("parent") != known.get(monitor.parent):
        fields.append("parent")
    if {k for k, on in (found.get("notificationIDList") or {}).items() if on} != set(notified(monitor, notifications)):
        fields.append("notificationIDList")
    return tuple(fields)
