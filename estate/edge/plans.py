"""What the providers sell: plans with their price, memory, disk and IP family, and where they sell them.

Vultr's are from its API's `/v2/plans` and `/v2/regions` as dumped on 2025-12-18 (gmartindelc/mail-server-poc,
PLAN_IDS.md and REGION_CODES.md); `estate edge plan` asks the API itself before it orders. There is no 512 MB plan with
IPv4 but in New Jersey, and the fleet cannot use the one without IPv4: the hub's endpoint and the customers have IPv4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from estate.models.edge import Node, Provider

EVERYWHERE: frozenset[str] = frozenset()
"""For `Plan.only_in`: no list of regions is known, the plan may be sold in all of them."""

SMALL_MEMORY = 1024
"""Megabytes up to which a machine gets compressed swap and cannot evaluate NixOS itself (NixOS/nix#2664)."""


@dataclass(frozen=True)
class Plan:
    """A kind of machine.

    + price: USD a month
    + memory: MB
    + disk: GB
    + only_in: the regions that sell it; EVERYWHERE when that is not known
    + not_in: regions that are known not to sell it
    + upgrade: the plan to move to when a node outgrows this one; empty: look at dedicated machines
    """

    id: str
    provider: Provider
    price: float
    memory: int
    disk: int
    ipv4: bool = True
    only_in: frozenset[str] = EVERYWHERE
    not_in: frozenset[str] = frozenset()
    upgrade: str = ""

    @property
    def small(self) -> bool:
        """Too small to evaluate NixOS."""
        return self.memory <= SMALL_MEMORY

    def sold_in(self, region: str) -> bool:
        """Whether the plan can be had there, as far as is known."""
        return region not in self.not_in and (not self.only_in or region in self.only_in)


_SAO = frozenset({"sao"})
"""São Paulo has prices, and plans, of its own: `-sc1`, one and a half times the others'."""


def _vultr(name: str, price: float, memory: int, disk: int, upgrade: str = "") -> tuple[Plan, Plan]:
    """The plan, and its twin in São Paulo."""
    twin = f"{upgrade}-sc1" if upgrade else ""
    return (
        Plan(name, "vultr", price, memory, disk, not_in=_SAO, upgrade=upgrade),
        Plan(f"{name}-sc1", "vultr", price * 1.5, memory, disk, only_in=_SAO, upgrade=twin),
    )


_PLANS = (
    Plan("vc2-1c-0.5gb-v6", "vultr", 2.5, 512, 10, False, frozenset({"ewr", "atl"}), upgrade="vc2-1c-0.5gb"),
    Plan("vc2-1c-0.5gb", "vultr", 3.5, 512, 10, True, frozenset({"ewr"}), upgrade="vc2-1c-1gb"),
    *_vultr("vc2-1c-1gb", 5, 1024, 25, "vc2-1c-2gb"),
    *_vultr("vc2-1c-2gb", 10, 2048, 55, "vc2-2c-4gb"),
    *_vultr("vc2-2c-4gb", 20, 4096, 80),
    *_vultr("vhf-1c-1gb", 6, 1024, 32, "vhf-1c-2gb"),
    *_vultr("vhf-1c-2gb", 12, 2048, 64),
    *_vultr("vhp-1c-1gb-amd", 6, 1024, 25, "vhp-1c-2gb-amd"),
    *_vultr("vhp-1c-2gb-amd", 12, 2048, 50),
    # Hostkey has no list of plans that can be asked for: what the seed says that Dubai costs (5 to 8 USD), and
    # the smallest machine of that price. A machine that is paid for already says `price = 0` in its Node.
    Plan("hostkey-vps", "hostkey", 8, 2048, 30),
)
PLANS: Mapping[str, Plan] = MappingProxyType({plan.id: plan for plan in _PLANS})

REGIONS: Mapping[Provider, Mapping[str, str]] = MappingProxyType(
    {
        "vultr": MappingProxyType(
            {
                "ams": "Amsterdam",
                "atl": "Atlanta",
                "blr": "Bangalore",
                "bom": "Mumbai",
                "cdg": "Paris",
                "del": "Delhi NCR",
                "dfw": "Dallas",
                "ewr": "New Jersey",
                "fra": "Frankfurt",
                "hnl": "Honolulu",
                "icn": "Seoul",
                "itm": "Osaka",
                "jnb": "Johannesburg",
                "lax": "Los Angeles",
                "lhr": "London",
                "mad": "Madrid",
                "man": "Manchester",
                "mel": "Melbourne",
                "mex": "Mexico City",
                "mia": "Miami",
                "nrt": "Tokyo",
                "ord": "Chicago",
                "sao": "São Paulo",
                "scl": "Santiago",
                "sea": "Seattle",
                "sgp": "Singapore",
                "sjc": "Silicon Valley",
                "sto": "Stockholm",
                "syd": "Sydney",
                "tlv": "Tel Aviv",
                "waw": "Warsaw",
                "yto": "Toronto",
            }
        ),
        "hostkey": MappingProxyType({"ams": "Amsterdam", "dxb": "Dubai", "zrh": "Zurich"}),
    }
)
"""Region ids and their cities, by provider. Hostkey's ids are ours: its machines are adopted, not ordered."""


def plan_of(node: Node) -> Plan:
    """The node's plan. Raises KeyError for one that is not in the catalogue (`estate check` says so first)."""
    return PLANS[node.plan]


def price_of(node: Node) -> float:
    """USD a month: what the node says, else its plan's price."""
    return plan_of(node).price if node.price is None else node.price


def upgrades(plan: str) -> tuple[Plan, ...]:
    """The way up from a plan, nearest first. Raises KeyError for an unknown plan."""
    path = []
    following = PLANS[plan].upgrade
    while following:
        path.append(PLANS[following])
        following = PLANS[following].upgrade
    return tuple(path)
