"""What providers say that they have: plans, machines, DNS records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A size of machine that a provider sells.

    + memory: MB
    + disk: GB
    + price: USD a month
    + regions: ids of those that sell it at all; what is free there now is another question
    """

    id: str
    memory: int
    disk: int
    price: float
    regions: frozenset[str]

    @property
    def ipv4(self) -> bool:
        """Whether its machines get an IPv4 address; nothing but the id says that of Vultr's smallest plan."""
        return not self.id.endswith("-v6")


@dataclass(frozen=True)
class Machine:
    """A machine that exists.

    + address: its public IPv4 address; empty: none yet
    + ready: it is installed and runs; that it lets anybody in is another question
    """

    id: str
    label: str
    tags: frozenset[str]
    region: str
    plan: str
    address: str
    ready: bool


@dataclass(frozen=True)
class Record:
    """A DNS record; `ttl` in seconds, 1: automatic."""

    id: str
    type: str
    name: str
    content: str
    ttl: int
    proxied: bool
    comment: str
