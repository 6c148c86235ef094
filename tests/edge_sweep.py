"""Looks at a fleet to test with: a node that is well and current, and ways of not being so."""

from typing import Any

from edge_fleet import keys, mesh

from estate.edge.status_facts import Facts, Unit
from estate.edge.status_row import Declared, Look, Sweep

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86400.0
WANTED = Declared("c" * 64, "0" * 16)


def units(**over: Unit) -> dict[str, Unit]:
    """The units of a node that is well."""
    found = {"clavitor.service": Unit(True, "active", "success")}
    for name, ago in (("estate-gc", 3 * DAY), ("vault-check", 4 * DAY), ("vault-backup", 11 * HOUR)):
        found[f"{name}.timer"] = Unit(True, "active", "success", NOW - ago, NOW + DAY)
        found[f"{name}.service"] = Unit(True, "inactive", "success")
    return found | {name.replace("_", "-").replace("--", "."): unit for name, unit in over.items()}


def facts(**over: Any) -> Facts:
    """What a node says that is well and current."""
    values: dict[str, Any] = {
        "now": NOW,
        "system": "nixos",
        "generation": 12,
        "profile": "/nix/store/abc-nixos-system",
        "running": "/nix/store/abc-nixos-system",
        "configuration": WANTED.configuration,
        "release": WANTED.release,
        "version": "1.0.0",
        "disk": 41,
        "free": 9_000_000,
        "integrity": (NOW - 4 * DAY, "ok"),
        "units": units(),
        "health": "200",
    }
    return Facts(**values | over)


def look(**over: Any) -> Look:
    """A node that answers."""
    return Look(NOW - 1, NOW + 1, facts(**over))


def away(why: str = "No route to host", public: str = "200") -> Look:
    """A node that does not."""
    return Look(NOW - 9, NOW, None, why, public)


def entry(**over: Any) -> dict[str, Any]:
    """What the bridge knows of a node that is well."""
    payload = {
        "cert_days_remaining": 62,
        "db_integrity": "ok",
        "disk_pct": 41.2,
        "nix_gen": 12,
        **over.pop("payload", {}),
    }
    return {
        "received": NOW - 12,
        "payload": payload,
        "alerts": [],
        "backup": {"at": NOW - 11 * HOUR, "bytes": 1},
    } | over


def sweep(looks: dict[str, Look] | None = None, entries: dict[str, Any] | None = None, **over: Any) -> Sweep:
    """A fleet that is well, but for these."""
    fleet = mesh()
    pinned = keys(fleet).nodes
    shaken = {pinned[node.name]: NOW - 40 for node in fleet.spokes}
    seen = {node.name: look() for node in fleet.nodes} | {"zurich": look(handshakes=shaken)} | (looks or {})
    nodes = {node.name: entry() for node in fleet.nodes} | (entries or {})
    return Sweep(**{"at": NOW, "looks": seen, "bridge": {"now": NOW, "nodes": nodes}} | over)
