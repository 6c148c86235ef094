"""What the fleet is against what is declared: a row a node, from what it says and what the push bridge knows (pure)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from estate.edge.keys import Keys
from estate.edge.status_facts import Facts
from estate.edge.waves import wave_of
from estate.models.edge import Mesh, Node, Wave

State = Literal["current", "behind", "rolled back", "installing", "away"]
CLOCK = 5.0
"""Seconds that a node's clock may be off."""
DAY = 86400.0
SILENT = 300.0
"""Seconds without a handshake after which a tunnel is dead: sessions are renewed every two minutes (wireguard.com)."""


@dataclass(frozen=True)
class Routine:
    """A job that every node does by a timer; `every` in seconds."""

    unit: str
    title: str
    every: float


GC = Routine("estate-gc", "garbage collection", 7 * DAY)
CHECK = Routine("vault-check", "integrity check", 7 * DAY)
BACKUP = Routine("vault-backup", "backup", DAY)
ROUTINE = (GC, CHECK, BACKUP)


@dataclass(frozen=True)
class Declared:
    """What a node is to run: the digest of its configuration, and its release's directory."""

    configuration: str
    release: str


@dataclass(frozen=True)
class Look:
    """What came of asking a node.

    + asked, answered: by our own clock, seconds since 1970
    + why: it could not be asked
    + public: what its public name answered; only asked when the node itself could not be
    """

    asked: float
    answered: float
    facts: Facts | None = None
    why: str = ""
    public: str = ""


@dataclass(frozen=True)
class Sweep:
    """One look at the whole fleet.

    + bridge: the push bridge's /status; None when it did not answer, for the reason `silence`
    """

    at: float
    looks: Mapping[str, Look]
    bridge: Mapping[str, Any] | None = None
    silence: str = ""


@dataclass(frozen=True)
class Row:
    """A node. Ages and the clock's offset are seconds; None is "not known".

    + ill: what is wrong; notes: what is only worth knowing
    + remembered: the values are of its last push, as it could not be asked
    """

    name: str
    role: str
    wave: Wave
    state: State
    optional: bool = False
    ill: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remembered: bool = False
    generation: int | None = None
    store_path: str = ""
    release: str = ""
    version: str = ""
    health: str = ""
    cert_days: float | None = None
    database: str = ""
    disk: float | None = None
    push_age: float | None = None
    handshake_age: float | None = None
    backup_age: float | None = None
    check_age: float | None = None
    gc_age: float | None = None
    clock: float | None = None


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


def offset(look: Look, now: float) -> float:
    """Seconds that the node's clock is ahead of ours, at the least: it read it between our asking and its answer."""
    return max(0.0, now - look.answered) + min(0.0, now - look.asked)


def _row(mesh: Mesh, keys: Keys, wanted: Declared, sweep: Sweep, node: Node, handshakes: Mapping[str, float]) -> Row:
    look = sweep.looks[node.name]
    entry = _entry(sweep.bridge, node.name)
    payload, backup = entry.get("payload") or {}, entry.get("backup") or {}
    hub_now = float((sweep.bridge or {}).get("now") or sweep.at)
    pinned = node.name in keys.nodes
    state = state_of(look, wanted, pinned)
    facts = look.facts
    values: dict[str, Any] = {
        "cert_days": payload.get("cert_days_remaining"),
        "database": payload.get("db_integrity", ""),
        "push_age": _age(entry.get("received"), hub_now),
        "backup_age": _age(backup.get("at"), hub_now),
        "handshake_age": _age(handshakes.get(keys.nodes.get(node.name, "")), hub_now),
        "disk": payload.get("disk_pct"),
        "generation": payload.get("nix_gen"),
        "remembered": facts is None,
    }
    said = [*_pushed(entry, values, mesh)] if sweep.bridge is not None else []
    if facts is None:
        ill, notes = [*said], [*_absence(look, values, node, keys, handshakes, sweep, mesh)]
    else:
        values |= _own(facts, look)
        ill = [*_amiss(facts, look, mesh), *said]
        notes = [*_remarks(facts, wanted, state), *_rotation(keys, node, handshakes)]
    notes += [f"telemetry: {text}" for text in _drift(entry)]
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
        "clock": offset(look, facts.now),
    }


def _amiss(facts: Facts, look: Look, mesh: Mesh) -> Iterator[str]:
    """What is wrong on the node."""
    service = facts.units.get("clavitor.service")
    if service is None or service.active != "active":
        yield f"clavitor.service is {service.active if service else 'not known'}"
    if facts.health != "200":
        yield "/health does not answer" if facts.health in ("", "000") else f"/health answers {facts.health}"
    if facts.failed:
        yield f"failed units: {', '.join(facts.failed)}"
    if facts.disk is not None and facts.disk > mesh.telemetry.disk_percent:
        yield f"/ is {facts.disk} % full, {(facts.free or 0) // 1024} MiB are free"
    if abs(off := offset(look, facts.now)) > CLOCK:
        yield f"its clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
    if facts.integrity[1] not in ("", "ok"):
        yield f"the integrity check found: {facts.integrity[1]}"
    if facts.breakglass:
        yield "break-glass is on; a reboot closes it"
    for routine in ROUTINE:
        yield from _late(facts, routine)


def _late(facts: Facts, routine: Routine) -> Iterator[str]:
    timer, service = facts.units.get(f"{routine.unit}.timer"), facts.units.get(f"{routine.unit}.service")
    if timer is None or timer.active != "active":
        yield f"{routine.unit}.timer is {timer.active if timer and timer.loaded else 'not there'}"
    elif timer.last and facts.now - timer.last > routine.every + 2 * DAY:
        yield f"the last {routine.title} was {(facts.now - timer.last) / DAY:.0f} days ago"
    failed = f"{routine.unit}.service"
    if service and service.loaded and service.result not in ("", "success") and failed not in facts.failed:
        yield f"the last {routine.title} ended with {service.result}"


def _pushed(entry: Mapping[str, Any], values: Mapping[str, Any], mesh: Mesh) -> Iterator[str]:
    """What the bridge has against the node."""
    alerts = [str(alert) for alert in entry.get("alerts") or ()]
    yield from (f"telemetry: {alert}" for alert in alerts if not _is_drift(alert))
    age, backup = values["push_age"], values["backup_age"]
    if age is not None and age > mesh.telemetry.sev2_after and not any(alert.startswith("silent") for alert in alerts):
        yield f"telemetry: no push for {age:.0f} s"
    if backup is not None and backup > BACKUP.every + 2 * DAY:
        yield f"its newest backup is {backup / DAY:.0f} days old"


def _is_drift(alert: str) -> bool:
    """Numbers of generations count how often a node was switched: nodes of different age may differ."""
    return alert.startswith("nix_gen:")


def _drift(entry: Mapping[str, Any]) -> Iterator[str]:
    return (str(alert) for alert in entry.get("alerts") or () if _is_drift(str(alert)))


def _remarks(facts: Facts, wanted: Declared, state: State) -> Iterator[str]:
    """What is worth knowing of a node that answers."""
    if facts.system != "nixos":
        yield f"it is {facts.system or 'something'} still: `estate edge install`"
    elif facts.switching:
        yield "a switch waits for its confirmation"
    elif not facts.release:
        yield "it has no release yet: `estate edge rollout`"
    elif state != "current":
        what = [
            *(["configuration"] if facts.configuration != wanted.configuration else []),
            *([f"release {wanted.release}"] if facts.release != wanted.release else []),
        ]
        why = "it took its last switch back by itself" if facts.reverted and state == "rolled back" else state
        yield f"{why}: not the declared {' and '.join(what)}"
    if facts.reboot:
        yield "a reboot is needed: it runs another kernel than its generation's"
    if facts.profile and facts.running and facts.profile != facts.running and not facts.breakglass:
        yield "it would boot another generation than the one that runs"


def _rotation(keys: Keys, node: Node, handshakes: Mapping[str, float]) -> Iterator[str]:
    following = keys.following.get(node.name)
    if following:
        seen = "the hub has seen it" if handshakes.get(following) else "the hub has not seen it yet"
        yield f"is being moved to another WireGuard key; {seen}"


def _absence(
    look: Look,
    values: Mapping[str, Any],
    node: Node,
    keys: Keys,
    handshakes: Mapping[str, float],
    sweep: Sweep,
    mesh: Mesh,
) -> Iterator[str]:
    """What is known of a node that could not be asked."""
    if node.name not in keys.nodes:
        yield "not installed: no key of it is pinned; `estate edge install`"
        return
    behind_hub = node.role == "spoke" and sweep.looks[mesh.hub.name].facts is None
    yield f"away: {'so is its hub' if behind_hub else look.why}"
    if look.public:
        yield f"its customers see: {look.public}"
    if values["push_age"] is not None and values["push_age"] <= mesh.telemetry.sev2_after:
        yield "it pushes still: it runs, only its sshd is not reached"
    if node.role == "spoke" and not behind_hub:
        key = keys.nodes[node.name]
        if key not in handshakes:
            yield "the hub does not know its key: deploy the hub"
        elif not handshakes[key]:
            yield "it has not shaken hands since the hub's WireGuard started"
        elif values["handshake_age"] > SILENT:
            yield f"its last handshake was {values['handshake_age'] / 60:.0f} minutes ago"
    yield from _rotation(keys, node, handshakes)


def counts(rows: Iterable[Row]) -> dict[State, int]:
    """How many nodes are in each state; those without any are left out."""
    found: dict[State, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + 1
    return found
