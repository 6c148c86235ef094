"""What it takes to have every declared node: what is there, what `create` would do, what is against it, what it costs.

Pure: estate/rollout/provider.py asks the providers and does it.
"""

import base64
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from estate.edge import dns
from estate.models.cloud import Machine, Plan, Record
from estate.models.edge import Mesh, Node, Provisioning
from estate.models.faults import Fault, did_you_mean

SMALLEST_FOR_INFECT = 900
"""MB, as a plan counts them; with less, NixOS cannot be evaluated on the node (facts/edge-fleet.md, 2)."""
OS_IDS = {12: 2136, 13: 2625}
"""Vultr's ids of Debian's releases: "Debian 12 x64 (bookworm)", "Debian 13 x64 (trixie)" of GET /v2/os."""

Route = Literal["infect", "image"]
Action = Literal["create", "wait", "nothing", "adopt", "refused", "unknown"]


@dataclass(frozen=True)
class Fleet:
    """What an inventory declares of the fleet.

    + keys: public SSH keys that may log in at first boot
    + prices: USD a month by plan, for plans that no provider tells the price of
    """

    mesh: Mesh
    keys: tuple[str, ...]
    prices: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What the providers said; None: they were not asked, or did not answer, and `silent` says why.

    + free: by region, the plans that can be had now
    """

    plans: Mapping[str, Plan] | None = None
    free: Mapping[str, frozenset[str]] = field(default_factory=dict)
    machines: tuple[Machine, ...] | None = None
    records: tuple[Record, ...] | None = None
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One node: what is there, and what `create` would do.

    + price: USD a month; None: nobody says
    + address: its public one, as far as known
    """

    node: Node
    action: Action
    price: float | None
    route: Route | None = None
    machine: Machine | None = None
    address: str = ""
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Outline:
    """Every node, every record, every fault.

    + fleet_total: USD a month for all nodes whose price is known; `unpriced` are the others
    + undeclared: machines of this fleet that no node is declared for
    + unseen: which machines there are is not known
    """

    rows: tuple[Row, ...]
    dns: dns.Diff
    budget: float
    fleet_total: float
    unpriced: tuple[str, ...] = ()
    undeclared: tuple[Machine, ...] = ()
    silent: tuple[str, ...] = ()
    unseen: bool = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is against it; a budget overrun is."""
        found = [fault for row in self.rows for fault in row.faults]
        found += [conflict.fault for conflict in self.dns.conflicts]
        if self.fleet_total > self.budget:
            fault = f"the fleet costs {self.fleet_total:.2f} USD a month, allowed are {self.budget:.2f}"
            found.append(Fault("group_data/edge/mesh/budget", fault, "choose smaller plans, fewer nodes, or raise it"))
        return tuple(found)

    @property
    def pending(self) -> bool:
        """Whether something is to be done, or cannot be known to be done."""
        return bool(self.dns.changes) or any(row.action not in ("nothing", "adopt") for row in self.rows)

    def of(self, names: Collection[str]) -> "Outline":
        """What concerns these nodes; what the fleet costs stays. Records of other nodes are not removed in passing."""
        rows = tuple(row for row in self.rows if row.node.name in names)
        changes = tuple(change for change in self.dns.changes if change.node in names)
        conflicts = tuple(conflict for conflict in self.dns.conflicts if conflict.node in names)
        return replace(self, rows=rows, dns=dns.Diff(changes, conflicts))


def tag(mesh: Mesh) -> str:
    """What marks this fleet's machines at the provider, beside the label that is the node's name."""
    return f"estate-{mesh.domain}"


def outline(fleet: Fleet, seen: Seen) -> Outline:
    """What is there, and what it takes."""
    mesh = fleet.mesh
    rows = tuple(_row(fleet, node, seen) for node in mesh.nodes)
    declared = {node.name for node in mesh.nodes}
    mine = [machine for machine in seen.machines or () if tag(mesh) in machine.tags]
    addresses = {row.node.name: row.address for row in rows if row.address or row.action in ("create", "wait")}
    records = dns.Diff() if seen.records is None else dns.diff(mesh, addresses, seen.records)
    stray = tuple(machine for machine in mine if machine.label not in declared)
    total = sum(row.price or 0.0 for row in rows)
    unpriced = tuple(row.node.name for row in rows if row.price is None)
    return Outline(rows, records, mesh.budget, total, unpriced, stray, seen.silent, seen.machines is None)


def _row(fleet: Fleet, node: Node, seen: Seen) -> Row:
    price = _price(fleet, node, seen)
    if node.provider != "vultr":
        note = "adopted by its address"
        missing = () if node.address else ("no address is declared: its DNS record is left alone",)
        return Row(node, "adopt", price, address=node.address, notes=(note, *missing))
    route = route_of(fleet.mesh.provisioning, node, seen.plans)
    if seen.machines is None:
        faults = tuple(_order_faults(fleet, node, route, seen))
        return Row(node, "refused" if faults else "unknown", price, route, address=node.address, faults=faults)
    named = [machine for machine in seen.machines if machine.label == node.name]
    ours = [machine for machine in named if tag(fleet.mesh) in machine.tags]
    if len(ours) == 1:
        return _existing(node, ours[0], price, route)
    faults = tuple(_twins(node, named, ours, tag(fleet.mesh))) or tuple(_order_faults(fleet, node, route, seen))
    action: Action = "refused" if faults else "create"
    return Row(node, action, price, route, faults=faults, notes=tuple(_notes(node, seen)))


def _existing(node: Node, machine: Machine, price: float | None, route: Route | None) -> Row:
    faults = []
    for key, declared, found in (("region", node.region, machine.region), ("plan", node.plan, machine.plan)):
        if declared != found:
            remedy = f"declare {found}, or `estate edge destroy {node.name}` and create it anew"
            faults.append(Fault(_where(node, key), f"is {declared}, but the machine has {found}", remedy))
    if node.address and machine.address and node.address != machine.address:
        fault = f"is {node.address}, but the machine has {machine.address}"
        faults.append(Fault(_where(node, "address"), fault, "leave it out: the provider knows it"))
    ready = machine.ready and machine.address
    action: Action = "refused" if faults else "nothing" if ready else "wait"
    return Row(node, action, price, route, machine, machine.address if ready else "", faults=tuple(faults))


def _twins(node: Node, named: list[Machine], ours: list[Machine], mark: str) -> Iterator[Fault]:
    if len(ours) > 1:
        ids = ", ".join(machine.id for machine in ours)
        yield Fault(f"vultr/instances/{node.name}", f"{len(ours)} machines: {ids}", "delete all but one in the console")
    elif named:
        remedy = f"give it the tag {mark} if it is this node, or another label"
        yield Fault(f"vultr/instances/{node.name}", "a machine of this label is not of this fleet", remedy)


def _order_faults(fleet: Fleet, node: Node, route: Route | None, seen: Seen) -> Iterator[Fault]:
    """What is against ordering the node, as far as can be seen."""
    if node.plan.endswith("-v6"):
        fault = f"{node.plan} has no IPv4 address: most customers, and the hub, would be out of its reach"
        yield Fault(_where(node, "plan"), fault, f"choose {node.plan.removesuffix('-v6')} or vc2-1c-1gb")
        return
    if route == "image" and not fleet.mesh.provisioning.snapshot:
        fault = f"{node.plan} is too small to become NixOS by itself, and there is no image"
        if fleet.mesh.provisioning.route == "image":
            fault = "is to be made from an image, and there is none"
        remedy = "make one (`estate edge image` prints the steps; its id: provisioning.snapshot), or choose vc2-1c-1gb"
        yield Fault(_where(node, "plan"), fault, remedy)
    if seen.plans is None:
        return
    plan = seen.plans.get(node.plan)
    if plan is None:
        yield Fault(_where(node, "plan"), f"Vultr sells no {node.plan}", did_you_mean(node.plan, seen.plans))
    elif node.region not in plan.regions:
        others = ", ".join(p.id for p in _alternatives(plan, node.region, seen.plans))
        remedy = f"the cheapest that {node.region} has: {others}" if others else "choose another region"
        yield Fault(_where(node, "plan"), f"{node.plan} is not sold in {node.region}", remedy)
    elif node.region in seen.free and node.plan not in seen.free[node.region]:
        fault = f"{node.plan} is sold out in {node.region} now"
        yield Fault(_where(node, "plan"), fault, "try again later, or choose another plan")


def _alternatives(plan: Plan, region: str, plans: Mapping[str, Plan]) -> list[Plan]:
    """The three cheapest plans of the region with an IPv4 address and no less memory."""
    fitting = [p for p in plans.values() if region in p.regions and p.ipv4 and p.memory >= plan.memory]
    return sorted(fitting, key=lambda p: (p.price, p.id))[:3]


def _notes(node: Node, seen: Seen) -> Iterator[str]:
    if seen.plans is not None and node.region not in seen.free:
        yield "whether it is free there now is not known"


def _where(node: Node, key: str) -> str:
    return f"group_data/edge/nodes/{node.name}/{key}"


def _price(fleet: Fleet, node: Node, seen: Seen) -> float | None:
    if node.price is not None:
        return node.price
    plan = (seen.plans or {}).get(node.plan) if node.provider == "vultr" else None
    return plan.price if plan else fleet.prices.get(node.plan)


def route_of(settings: Provisioning, node: Node, plans: Mapping[str, Plan] | None) -> Route | None:
    """How a node becomes NixOS; None for an adopted one, which is converted as its operator likes."""
    if node.provider != "vultr":
        return None
    plan = (plans or {}).get(node.plan)
    small = plan.memory < SMALLEST_FOR_INFECT if plan else "0.5gb" in node.plan
    return "image" if small else settings.route


def user_data(keys: tuple[str, ...]) -> str:
    """What cloud-init does at first boot: root may log in, with our keys and nothing else.

    JSON is YAML: nothing in a key can be read as something else. cloud-init (cc_ssh, cc_users_groups):
    `disable_root` would put a refusal in front of root's keys.
    """
    document = {
        "disable_root": False,
        "ssh_pwauth": False,
        "package_update": False,
        "package_upgrade": False,
        "users": [{"name": "root", "lock_passwd": False, "ssh_authorized_keys": list(keys)}],
    }
    return f"#cloud-config\n{json.dumps(document, indent=2)}\n"


def order(fleet: Fleet, row: Row, key_ids: list[str]) -> dict[str, Any]:
    """The body of POST /v2/instances (govultr, InstanceCreateReq). An image has our keys in it already."""
    system: dict[str, Any] = {"snapshot_id": fleet.mesh.provisioning.snapshot}
    if row.route == "infect":
        data = base64.b64encode(user_data(fleet.keys).encode()).decode()
        system = {"os_id": OS_IDS[fleet.mesh.provisioning.debian], "sshkey_id": key_ids, "user_data": data}
    return {
        **{"region": row.node.region, "plan": row.node.plan},
        **{"label": row.node.name, "hostname": row.node.name, "tags": [tag(fleet.mesh)]},
        **system,
        **{"backups": "disabled", "enable_ipv6": False, "ddos_protection": False, "activation_email": False},
    }
