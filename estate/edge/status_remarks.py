"""What there is to say of a node: what is wrong, and what is worth knowing (pure)."""

from collections.abc import Iterator, Mapping
from typing import Any

from estate.edge.keys import Keys
from estate.edge.status_facts import Facts
from estate.edge.status_row import BACKUP, CLOCK, DAY, ROTATION, UPDATE, Declared, Look, Routine, State, routine_of
from estate.models.edge import Mesh, Node

BEHIND_HUB = "away: so is its hub"


def offset(look: Look, now: float) -> float:
    """Seconds that the node's clock is ahead of ours, at the least: it read it between our asking and its answer."""
    return max(0.0, now - look.answered) + min(0.0, now - look.asked)


def amiss(facts: Facts, look: Look, mesh: Mesh, node: Node) -> Iterator[str]:
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
    for routine in routine_of(mesh, node):
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


def pushed(entry: Mapping[str, Any], values: Mapping[str, Any], mesh: Mesh, gone: bool) -> Iterator[str]:
    """What the bridge has against the node.

    + gone: that it is silent is no news
    """
    alerts = [str(alert) for alert in entry.get("alerts") or () if not is_drift(str(alert))]
    silent = [alert for alert in alerts if alert.startswith("silent")]
    yield from (f"telemetry: {alert}" for alert in alerts if not (gone and alert in silent))
    age, backup = values["push_age"], values["backup_age"]
    if age is not None and age > mesh.telemetry.sev2_after and not silent and not gone:
        yield f"telemetry: no push for {age:.0f} s"
    if backup is not None and backup > BACKUP.every + 2 * DAY:
        yield f"its newest backup is {backup / DAY:.0f} days old"


def is_drift(alert: str) -> bool:
    """Numbers of generations count how often a node was switched: nodes of different age may differ."""
    return alert.startswith("nix_gen:")


def drift(entry: Mapping[str, Any]) -> Iterator[str]:
    """Those of the bridge's alerts that are no more than notes here."""
    return (str(alert) for alert in entry.get("alerts") or () if is_drift(str(alert)))


def remarks(facts: Facts, wanted: Declared, state: State) -> Iterator[str]:
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
    if facts.generation_made and facts.now - facts.generation_made > UPDATE:
        yield f"its generation is {(facts.now - facts.generation_made) / DAY:.0f} days old: no update of NixOS since"
    if facts.key_made and facts.now - facts.key_made > ROTATION:
        yield f"its WireGuard key is {(facts.now - facts.key_made) / DAY:.0f} days old: `estate edge rotate`"
    if facts.reboot:
        yield "a reboot is needed: it runs another kernel than its generation's"
    if facts.profile and facts.running and facts.profile != facts.running and not facts.breakglass:
        yield "it would boot another generation than the one that runs"


def rotation(keys: Keys, node: Node, handshakes: Mapping[str, float]) -> Iterator[str]:
    """That a node is being moved to another key, and how far that is."""
    following = keys.following.get(node.name)
    if following:
        seen = "the hub has seen it" if handshakes.get(following) else "the hub has not seen it yet"
        yield f"is being moved to another WireGuard key; {seen}"


def absence(
    look: Look,
    values: Mapping[str, Any],
    node: Node,
    keys: Keys,
    handshakes: Mapping[str, float] | None,
    mesh: Mesh,
) -> Iterator[str]:
    """What is known of a node that could not be asked.

    + handshakes: the hub's; None: the hub could not be asked either
    """
    if node.name not in keys.nodes:
        yield "not installed: no key of it is pinned; `estate edge install`"
        return
    yield BEHIND_HUB if handshakes is None else f"away: {look.why}"
    if look.public != "200":
        yield f"its customers get: {look.public}"
    if values["push_age"] is not None and values["push_age"] <= mesh.telemetry.sev2_after:
        yield "it pushes still: it runs, only its sshd is not reached"
    if node.role == "spoke" and handshakes is not None:
        if keys.nodes[node.name] not in handshakes:
            yield "the hub does not know its key: deploy the hub"
        elif not handshakes[keys.nodes[node.name]]:
            yield "it has not shaken hands since the hub's WireGuard started"
        yield from rotation(keys, node, handshakes)
