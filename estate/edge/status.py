"""What the fleet is against what is declared: a row a node, from what it says and what the push bridge knows (pure)."""

from collections.abc import Iterable, Mapping
from typing import Any

from estate.edge import status_remarks as remarks
from estate.edge.keys import Keys
from estate.edge.status_facts import Facts
from estate.edge.status_row import GC, Declared, Look, Row, State, Sweep
from estate.edge.waves import wave_of
from estate.models.edge import Mesh, Node


def judge(mesh: Mesh, keys: Keys, declared: Mapping[str, Declared], sweep: Sweep) -> tuple[Row, ...]:
    """A row for every node, in the order of the list."""
    hub = sweep.looks[mesh.hub.name].facts
    handshakes = hub.handshakes if hub else {}
    return tuple(_row(mesh, keys, declared[node.name], sweep, node, handshakes) for node in mesh.nodes)


def state_of(look: Look, declared: Declared, pinned: bool) -> State:
    """Where a node is on its way to what is declared.

    + pinned: its WireGuard key is known
    """
    facts = look.facts
    if facts is None:
        return "away" if pinned else "installing"
    if facts.system != "nixos" or facts.switching or not facts.release:
        return "installing"
    if (facts.configuration, facts.release) == (declared.configuration, declared.release):
        return "current"
    back = (facts.before, facts.before_release) == (declared.configuration, declared.release)
    by_itself = facts.reverted and facts.fetched == declared.configuration
    return "rolled back" if back or by_itself else "behind"


def _row(mesh: Mesh, keys: Keys, wanted: Declared, sweep: Sweep, node: Node, handshakes: Mapping[str, float]) -> Row:
    look = sweep.looks[node.name]
    entry = _entry(sweep.bridge, node.name)
    state = state_of(look, wanted, node.name in keys.nodes)
    values = _known(entry, sweep, handshakes.get(keys.nodes.get(node.name, "")))
    said = [] if sweep.bridge is None else [*remarks.pushed(entry, values, mesh, look.facts is None)]
    if look.facts is None:
        values |= {"health": look.public, "remembered": True}
        behind_hub = node.role == "spoke" and sweep.looks[mesh.hub.name].facts is None
        ill: list[str] = []
        notes = [*remarks.absence(look, values, node, keys, None if behind_hub else handshakes, mesh), *said]
    else:
        values |= _own(look.facts, look)
        ill = [*remarks.amiss(look.facts, look, mesh, node), *said]
        notes = [*remarks.remarks(look.facts, wanted, state), *remarks.rotation(keys, node, handshakes)]
    notes += [f"telemetry: {text}" for text in remarks.drift(entry)]
    if state == "installing":
        ill, notes = [], [*notes, *ill]
    return Row(
        name=node.name,
        role=node.role,
        wave=wave_of(mesh, node),
        state=state,
        optional=node.optional,
        ill=tuple(dict.fromkeys(ill)),
        notes=tuple(dict.fromkeys(notes)),
        **values,
    )


def _known(entry: Mapping[str, Any], sweep: Sweep, handshake: float | None) -> dict[str, Any]:
    """What the hub knows of a node, whether it answers or not."""
    payload, backup = entry.get("payload") or {}, entry.get("backup") or {}
    now = float((sweep.bridge or {}).get("now") or sweep.at)
    return {
        "cert_days": payload.get("cert_days_remaining"),
        "database": payload.get("db_integrity", ""),
        "push_age": _age(entry.get("received"), now),
        "backup_age": _age(backup.get("at"), now),
        "handshake_age": _age(handshake, now),
        "disk": payload.get("disk_pct"),
        "generation": payload.get("nix_gen"),
    }


def _entry(bridge: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = ((bridge or {}).get("nodes") or {}).get(name) or {}
    return entry


def _age(moment: float | None, now: float) -> float | None:
    return max(0.0, now - moment) if moment else None


def _own(facts: Facts, look: Look) -> dict[str, Any]:
    """What the node itself knows better than its last push."""
    gc = facts.units.get(f"{GC.unit}.timer")
    return {
        "generation": facts.generation,
        "store_path": facts.running,
        "release": facts.release,
        "version": facts.version,
        "health": facts.health,
        "disk": facts.disk,
        "check_age": _age(facts.integrity[0], facts.now),
        "gc_age": _age(gc.last, facts.now) if gc else None,
        "clock": remarks.offset(look, facts.now),
    }


def counts(rows: Iterable[Row]) -> dict[State, int]:
    """How many nodes are in each state; those without any are left out."""
    found: dict[State, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + 1
    return found
