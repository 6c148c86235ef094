"""The hosts of the lab: the groups of production at addresses of the lab's network."""

from dataclasses import dataclass, replace
from typing import Literal

Profile = Literal["default", "homelab", "full"]

NETWORK = "estate-lab"
SUBNET = "10.99.0.0/24"
CONTROLLER = "10.99.0.1"
REGISTRY = "10.99.0.2"
ACME = "10.99.0.3"
ROAD = "10.99.0.4"
B2 = "10.99.0.5"
DNS = "10.99.0.6"
B2_ENDPOINT = f"http://{B2}:9000"
B2_REGION = "us-east-1"
MAINFRAME = "10.99.0.10"
NAS = "10.99.0.33"
USER = "mitch"

REGISTRY_NAMES = ("mirror.lab", "ghcr.io", "quay.io", "gcr.io")
ACME_NAME = "acme.lab"
HUB = "zurich"
EDGE_DOMAIN = "clavitor.com"
"""The fleet's domain: production's, as its names are what certificates are for."""
PUBLIC_NAMES = tuple(f"{name}.mainframe.prodg.studio" for name in ("vault", "secrets", "api", "ts", "docs", "grafana"))

VPS = "10.99.0.20"
HOMELAB_DOMAIN = "prodg.studio"
_VPS_LABELS = ("pangolin", "rustdesk", "relay", "auth", "n8n", "grafana-home", "obsidian", "home")
VPS_NAMES = tuple(f"{label}.{HOMELAB_DOMAIN}" for label in _VPS_LABELS)
"""Names that lead to the VPS: of Pangolin, and of the homelab's sites behind it."""


@dataclass(frozen=True)
class LabHost:
    """One host of the lab: a container with systemd and sshd, of the engine or (the homelab) on a Proxmox node."""

    name: str
    group: str
    address: str
    needs_engine: bool = False
    in_default: bool = False
    pve: bool = False
    """A Proxmox node with its tools, or the store that these mount."""

    @property
    def login_address(self) -> str:
        """Where its sshd answers: of a node of the fleet in the mesh only, once it is one."""
        return f"10.84.0.{self.index}" if self.group == "edge" else self.address

    @property
    def index(self) -> int:
        """A node's index in the mesh, by its address in the lab."""
        return int(self.address.rpartition(".")[2]) - 100

    @property
    def public_name(self) -> str:
        """A node's name for its users."""
        return f"{self.name}.{EDGE_DOMAIN}"

    @property
    def container(self) -> str:
        """The name of its container in the machine's engine."""
        return f"{NETWORK}-{self.name}"

    @property
    def is_machine(self) -> bool:
        """Whether the machine's engine has it; the homelab's containers are made by the deploy, on Proxmox nodes."""
        return self.group != "homelab"

    @property
    def volume(self) -> str:
        """The volume that holds its engine's data."""
        return f"{self.container}-docker"


def _homelab() -> tuple[LabHost, ...]:
    names = ("postgres", "authentik", "n8n", "rustdesk", "monitoring", "obsidian")
    return tuple(LabHost(name, "homelab", f"10.99.0.{41 + i}", True) for i, name in enumerate(names))


_EDGE = (
    *("zurich", "tokyo", "newjersey", "siliconvalley", "dallas", "london", "frankfurt", "warsaw", "seoul"),
    *("mumbai", "saopaulo", "sydney", "johannesburg", "telaviv", "amsterdam", "dubai"),
)
"""The nodes in the order of group_data/edge.py: their place is their index."""
_EDGE_IN_DEFAULT = ("zurich", "tokyo", "amsterdam")


def _edge() -> tuple[LabHost, ...]:
    return tuple(
        LabHost(name, "edge", f"10.99.0.{101 + i}", in_default=name in _EDGE_IN_DEFAULT) for i, name in enumerate(_EDGE)
    )


HOSTS: tuple[LabHost, ...] = (
    LabHost("mainframe", "mainframe", MAINFRAME, needs_engine=True, in_default=True),
    LabHost("vps", "vps", VPS, needs_engine=True, in_default=True),
    LabHost("dl380p", "proxmox", "10.99.0.31", in_default=True, pve=True),
    LabHost("i5", "proxmox", "10.99.0.32", pve=True),
    LabHost("omv", "nas", NAS, in_default=True, pve=True),
    *_homelab(),
    *_edge(),
)


def select(profile: Profile) -> tuple[LabHost, ...]:
    """The hosts of a profile, in the order of the table."""
    if profile == "full":
        return HOSTS
    if profile == "homelab":
        return tuple(host for host in HOSTS if host.in_default or host.group in ("proxmox", "homelab"))
    # Without the homelab: a node and a store that are not adopted yet
    return tuple(replace(host, pve=False) for host in HOSTS if host.in_default)


def by_name(name: str) -> LabHost | None:
    """The host with this name, or none."""
    return next((host for host in HOSTS if host.name == name), None)
