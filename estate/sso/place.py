"""Where the declared clients are in this estate: from its hosts, so that no address is written twice."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

from estate.models.host import HomelabHost
from estate.models.sso import SsoSettings

PROXMOX_PORT = 8006
TUNNEL = "newt"
"""The service that is the tunnel's end in the homelab."""


def place_of(host: HomelabHost) -> SsoSettings:
    """The estate as Authentik's own host knows it. Raises ValueError for a host without a stack."""
    if host.stack is None:
        raise ValueError(f"{host.name} has no stack, and so no domain")
    return place(host.stack.domain, host.internal_networks, host.neighbours)


class Placed(Protocol):
    """A host of the estate, as far as single sign-on has to know it."""

    @property
    def name(self) -> str:
        """The inventory's name."""

    @property
    def group(self) -> str:
        """The inventory's group."""

    @property
    def address(self) -> str:
        """Its address on the home network."""

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services that it runs."""


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def place(domain: str, internal_networks: Sequence[str], hosts: Iterable[Placed]) -> SsoSettings:
    """What the declarations do not know.

    Each Proxmox node is a redirect URI under the address that browsers use, without a path (facts 1.7).
    """
    every = tuple(hosts)
    tunnel = [host.address for host in every if TUNNEL in host.services and _is_address(host.address)]
    return SsoSettings(
        domain=domain,
        internal_networks=tuple(internal_networks),
        tunnel_addresses=tuple(str(IPv4Network(address)) for address in tunnel),
        proxmox_urls=tuple(f"https://{host.address}:{PROXMOX_PORT}" for host in every if host.group == "proxmox"),
        upstreams={host.name: host.address for host in every},
    )
