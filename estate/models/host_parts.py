"""What hosts are declared with, and what they know of each other: accounts, ports, resources, neighbours."""

from typing import Literal

from pydantic import Field

from estate.models.base import AbsolutePath, Cidr, Frozen, HostName, Name, Port, Size


class User(Frozen):
    """An account. An admin logs in with the estate's admin keys and may use sudo; others cannot log in."""

    name: Name
    uid: int | None = None
    gid: int | None = None
    admin: bool = False
    shell: AbsolutePath = "/bin/bash"


class OpenPort(Frozen):
    """A port that the firewall lets in, from everywhere, from `source` only, or from `clients` only.

    + clients: names of hosts, or of services: then the hosts that run them
    """

    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    source: Cidr | None = None
    clients: tuple[Name, ...] = ()
    purpose: str = ""


class Resources(Frozen):
    """What the machine has: the bound for the limits of its services."""

    cpus: float = Field(gt=0)
    memory: Size


class Scrape(Frozen):
    """A service's metrics at an address of its host."""

    service: Name
    port: Port
    path: str


class Neighbour(Frozen):
    """Another host of the estate, as far as its neighbours have to know it.

    + address: on the home network, where the two differ
    + scrapes: metrics of its services that other hosts can ask for
    + exporter: the port of its node exporter, when it has one for others
    + sites: the full names of its services' routes
    + vmid: a container's number
    """

    name: Name
    group: Name
    address: str
    services: tuple[Name, ...] = ()
    scrapes: tuple[Scrape, ...] = ()
    exporter: Port | None = None
    sites: tuple[HostName, ...] = ()
    vmid: int | None = None
