"""What is wrong with an edge fleet, before a node hears of it."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from pydantic import TypeAdapter, ValidationError

from estate.edge.keys import CACHE, Keys
from estate.edge.plans import PLANS, REGIONS, price_of
from estate.models.base import HostName
from estate.models.edge import Mesh, Node, Operator
from estate.models.faults import Fault, did_you_mean

CERTIFICATES_A_WEEK = 50
"""Let's Encrypt: certificates for one registered domain in seven days (its rate-limits page, 2026-08-21)."""
SAME_NAMES_A_WEEK = 5
"""Let's Encrypt: certificates for the same set of names in seven days. No node asks for more than its own name, so it
is met by a node that is made anew often: its certificates are kept (docs/edge.md) and are no fault of the list."""
_KEY = re.compile(r"^(ssh-ed25519|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]+={0,2}( [^\n]*)?$")
_HOST_NAME = TypeAdapter[str](HostName)


def check(mesh: Mesh, keys: Keys, where: str, admin_keys: Iterable[str] = ()) -> list[Fault]:
    """Every fault of the fleet.

    + keys: the pinned public keys; a node without one is no fault, it is yet to be made
    + where: the path of the mesh in a message, such as group_data/edge/mesh
    + admin_keys: what admins log in with every day
    """
    return [
        *_unique(mesh, where),
        *_public_keys(mesh, keys, where),
        *_waves(mesh, where),
        *_plans(mesh, where),
        *_budget(mesh, where),
        *_certificates(mesh, where),
        *_break_glass(mesh, where, admin_keys),
        *_network(mesh, where),
        *_rollout(mesh, where),
    ]


def _unique(mesh: Mesh, where: str) -> Iterator[Fault]:
    peers: list[tuple[str, Node | Operator]] = [(f"{where}/nodes/{node.name}", node) for node in mesh.nodes]
    peers += [(f"{where}/operators/{operator.name}", operator) for operator in mesh.operators]
    names: dict[str, str] = {}
    indexes: dict[int, str] = {}
    for path, peer in peers:
        if peer.name in names:
            yield Fault(path, "another peer has the same name", "give each node and operator its own")
        if peer.name == CACHE:
            yield Fault(path, f'"{CACHE}" stands for the signing key in the file of keys', "choose another name")
        if peer.index in indexes:
            fault = f"index {peer.index} is also that of {indexes[peer.index]}"
            yield Fault(f"{path}/index", fault, f"the next free one is {_free(mesh, peer.index)}")
        names.setdefault(peer.name, path)
        indexes.setdefault(peer.index, peer.name)


def _free(mesh: Mesh, index: int) -> int | str:
    taken = set(_indexes(mesh))
    candidates = range(240, 255) if index >= 240 else range(1, 240)
    return next((number for number in candidates if number not in taken), "none: take a larger subnet")


def _indexes(mesh: Mesh) -> list[int]:
    return [*(node.index for node in mesh.nodes), *(operator.index for operator in mesh.operators)]


def _public_keys(mesh: Mesh, keys: Keys, where: str) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for operator in mesh.operators:
        if operator.public_key in owners:
            path = f"{where}/operators/{operator.name}/public_key"
            fault = f"{owners[operator.public_key]} has the same key: two operators cannot share one"
            yield Fault(path, fault, "a key is one peer: make a pair on each laptop")
        owners.setdefault(operator.public_key, f"operator {operator.name}")
    for kind, group in (("keys", keys.nodes), ("keys (next)", keys.following)):
        for name, key in sorted(group.items()):
            if key in owners:
                fault = f"{owners[key]} has the same key"
                yield Fault(f"{where}/{kind}/{name}", fault, "a key is one peer: make a new pair on one of the two")
            owners.setdefault(key, name)


def _waves(mesh: Mesh, where: str) -> Iterator[Fault]:
    if mesh.spokes and not any(node.wave == "canary" for node in mesh.spokes):
        yield Fault(f"{where}/nodes", "no spoke is the canary", 'give a node that few depend on wave = "canary"')
    hub = f"{where}/nodes/{mesh.hub.name}/wave"
    if mesh.hub.wave not in (None, "hub"):
        fault = f'the hub is in wave "{mesh.hub.wave}", and every other node is reached through it'
        yield Fault(hub, fault, "leave its wave out: it comes last")
    for node in mesh.spokes:
        if node.wave == "hub":
            yield Fault(f"{where}/nodes/{node.name}/wave", "it is not the hub", "leave its wave out, or say rest")


def _plans(mesh: Mesh, where: str) -> Iterator[Fault]:
    for node in mesh.nodes:
        path = f"{where}/nodes/{node.name}"
        plan = PLANS.get(node.plan)
        if plan is None or plan.provider != node.provider:
            known = [plan.id for plan in PLANS.values() if plan.provider == node.provider]
            yield Fault(f"{path}/plan", f'{node.provider} has no plan "{node.plan}"', did_you_mean(node.plan, known))
            continue
        regions = REGIONS[node.provider]
        if node.region not in regions:
            yield Fault(
                f"{path}/region", f'{node.provider} has no region "{node.region}"', did_you_mean(node.region, regions)
            )
        elif not plan.sold_in(node.region):
            others = [other.id for other in PLANS.values() if _instead(node, other.id)]
            remedy = f"sold there: {', '.join(others)}" if others else "see the provider's list"
            yield Fault(f"{path}/plan", f"{plan.id} is not sold in {node.region}", remedy)
        if not plan.ipv4:
            fault = f"{plan.id} has no IPv4 address: neither the hub nor most customers would reach it"
            yield Fault(f"{path}/plan", fault, f"take {plan.upgrade} where it is sold, else vc2-1c-1gb")
        if node.role == "hub" and plan.small and any(other.build == "hub" for other in mesh.nodes):
            fault = f"{plan.memory} MB of {plan.id} are too few to evaluate NixOS for the others"
            yield Fault(f"{path}/plan", fault, 'take a larger plan, or say build = "controller" in every line')
        if node.build == "node" and plan.small:
            fault = f"{plan.memory} MB of {plan.id} are too few to evaluate NixOS: it would be killed without a word"
            yield Fault(f"{path}/build", fault, 'say "hub" or "controller", or take a larger plan')


def _instead(node: Node, plan: str) -> bool:
    other = PLANS[plan]
    return other.provider == node.provider and other.ipv4 and other.sold_in(node.region)


def _budget(mesh: Mesh, where: str) -> Iterator[Fault]:
    priced = [node for node in mesh.nodes if node.plan in PLANS]
    total = sum(price_of(node) for node in priced)
    if total > mesh.budget:
        dearest = max(priced, key=price_of)
        fault = f"the nodes cost {total:.2f} USD a month, {total - mesh.budget:.2f} more than the budget"
        remedy = f"raise it, or take a smaller plan: the dearest is {dearest.name} ({price_of(dearest):.2f})"
        yield Fault(f"{where}/budget", fault, remedy)


def _certificates(mesh: Mesh, where: str) -> Iterator[Fault]:
    if len(mesh.nodes) > CERTIFICATES_A_WEEK:
        fault = (
            f"{len(mesh.nodes)} nodes want a certificate each for a name below {mesh.domain}; Let's Encrypt gives "
            f"{CERTIFICATES_A_WEEK} a week, and {SAME_NAMES_A_WEEK} for the same name"
        )
        yield Fault(f"{where}/nodes", fault, "bring them up over several weeks, or ask Let's Encrypt for more")


def _break_glass(mesh: Mesh, where: str, admin_keys: Iterable[str]) -> Iterator[Fault]:
    glass = mesh.break_glass
    path = f"{where}/break_glass"
    if glass.keys and not glass.sources:
        yield Fault(f"{path}/sources", "there are keys but nobody may use them", "name networks, or remove the keys")
    if glass.sources and not glass.keys:
        yield Fault(f"{path}/keys", "there are sources but no key", "make one: ssh-keygen -t ed25519, kept offline")
    for source in glass.sources:
        if IPv4Network(source).prefixlen < 16:
            yield Fault(f"{path}/sources", f"{source} is too much of the internet", "name smaller networks")
    everyday = {_bare(key) for key in admin_keys}
    for key in glass.keys:
        if not _KEY.match(key):
            yield Fault(f"{path}/keys", f'"{key[:24]}" is not an ed25519 public key', "ssh-keygen -t ed25519 makes one")
        elif _bare(key) in everyday:
            fault = f'"{key.split()[-1]}" is used every day: losing the laptop would lose the way in too'
            yield Fault(f"{path}/keys", fault, "make a pair for this only, and keep it offline")


def _bare(key: str) -> str:
    return " ".join(key.split()[:2])


def _network(mesh: Mesh, where: str) -> Iterator[Fault]:
    network = IPv4Network(mesh.subnet)
    if not network.is_private:
        yield Fault(f"{where}/subnet", f"{mesh.subnet} is somebody's on the internet", "take one of 10.0.0.0/8")
    highest = max(_indexes(mesh))
    if highest > network.num_addresses - 2:
        fault = f"{mesh.subnet} has no address with index {highest}"
        yield Fault(f"{where}/subnet", fault, "take a /24, which has all from 1 to 254")
    if mesh.endpoint:
        yield from _endpoint(mesh, where)


def _endpoint(mesh: Mesh, where: str) -> Iterator[Fault]:
    path = f"{where}/endpoint"
    try:
        address = IPv4Address(mesh.endpoint)
    except AddressValueError:
        if not _is_host_name(mesh.endpoint):
            yield Fault(path, f'"{mesh.endpoint}" is neither a name nor an IPv4 address', "leave the port out")
        return
    if address in IPv4Network(mesh.subnet):
        yield Fault(path, "it lies inside the mesh, which needs it to come up", "name the hub's public address")


def _is_host_name(text: str) -> bool:
    try:
        _HOST_NAME.validate_python(text)
    except ValidationError:
        return False
    # "1.2.3" and "10.0.0.300" fit the pattern of a name and are slips of an address
    return not re.fullmatch(r"[\d.]+", text)


def _rollout(mesh: Mesh, where: str) -> Iterator[Fault]:
    path = f"{where}/rollout"
    if len(mesh.nodes) > 1 and mesh.rollout.at_once >= len(mesh.nodes):
        fault = f"{mesh.rollout.at_once} at once are all {len(mesh.nodes)} nodes"
        yield Fault(f"{path}/at_once", fault, f"say {max(1, len(mesh.nodes) // 4)}")
    if mesh.rollout.revert_after <= mesh.rollout.health_timeout:
        fault = f"a node takes a switch back after {mesh.rollout.revert_after} s, before its health is known"
        yield Fault(f"{path}/revert_after", fault, f"say more than health_timeout ({mesh.rollout.health_timeout})")
    telemetry = mesh.telemetry
    if telemetry.sev2_after < 2 * telemetry.interval or telemetry.sev1_after <= telemetry.sev2_after:
        fault = f"alarms after {telemetry.sev2_after} and {telemetry.sev1_after} s do not fit a push every "
        yield Fault(
            f"{where}/telemetry", f"{fault}{telemetry.interval} s", "sev2 wants two pushes or more, sev1 more than sev2"
        )
