"""What the hosts of an estate have to know of each other, from all of their declarations (pure)."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from estate.models.faults import Fault, did_you_mean
from estate.models.host import HomelabHost, Host
from estate.models.host_parts import Neighbour, Scrape
from estate.models.postgres import ServedDatabase
from estate.models.service import Service
from estate.models.stack import Stack
from estate.render.compose import elsewhere
from estate.render.node_exporter import SCRAPER

NODE_EXPORTER = 9100
_SCRAPED = ("homelab", "proxmox")
"""Groups whose hosts have Debian's node exporter; the mainframe's is a container, the NAS has its own."""
Declared = tuple[str, Service]
"""A host's name and one of its services."""


def neighbours(hosts: Mapping[str, Host], stacks: Mapping[str, Stack]) -> tuple[Neighbour, ...]:
    """Every host that is not a node of the edge fleet."""
    asked = any(SCRAPER in stack for stack in stacks.values())
    return tuple(
        Neighbour(
            name=name,
            group=host.group,
            address=host.home_address or host.address,
            services=tuple(s.name for s in stacks[name].services) if name in stacks else (),
            scrapes=tuple(_scrapes(stacks[name])) if name in stacks else (),
            exporter=NODE_EXPORTER if asked and _at_home(host) else None,
            sites=tuple(dict.fromkeys(site for _, _, site in stacks[name].routes())) if name in stacks else (),
            vmid=host.vmid if isinstance(host, HomelabHost) else None,
        )
        for name, host in hosts.items()
        if host.group != "edge"
    )


def _at_home(host: Host) -> bool:
    """Whether its metrics stay in the home network: a rented server's would cross the internet in plain text."""
    if host.group == "vps":
        return _is_address(host.address) and IPv4Address(host.address).is_private
    return host.group in _SCRAPED


def _scrapes(stack: Stack) -> Iterator[Scrape]:
    """Metrics that answer at the host's address."""
    for service in stack.containers:
        for published in service.published:
            if service.metrics and published.container == service.metrics.port and published.protocol == "tcp":
                yield Scrape(service=service.name, port=published.host, path=service.metrics.path)


def addresses(all_of: tuple[Neighbour, ...]) -> dict[str, tuple[str, ...]]:
    """Where hosts and services are, by name; a host's name counts before a service's."""
    found: dict[str, tuple[str, ...]] = {}
    for neighbour in all_of:
        for service in neighbour.services:
            found[service] = (*found.get(service, ()), neighbour.address)
    return found | {neighbour.name: (neighbour.address,) for neighbour in all_of}


def _served(hosts: Mapping[str, Host], stacks: Mapping[str, Stack], server: str) -> tuple[ServedDatabase, ...]:
    found: dict[str, ServedDatabase] = {}
    for host, service in _with_database(stacks):
        wanted = service.database
        specs = {spec.name: spec for spec in service.secrets}
        if wanted is None or wanted.server != server or wanted.password not in specs:
            continue
        address = hosts[host].home_address or hosts[host].address
        known = found.get(wanted.name)
        clients = (known.clients if known else {}) | ({host: address} if _is_address(address) else {})
        found[wanted.name] = ServedDatabase(name=wanted.name, password=specs[wanted.password], clients=clients)
    return tuple(found[name] for name in sorted(found))


def _with_database(stacks: Mapping[str, Stack]) -> Iterator[Declared]:
    for host, stack in stacks.items():
        for service in stack.services:
            if service.database:
                yield host, service


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def introduce(hosts: Mapping[str, Host], stacks: Mapping[str, Stack]) -> tuple[dict[str, Host], dict[str, Stack]]:
    """The hosts and stacks with what they know of each other."""
    every = neighbours(hosts, stacks)
    known = addresses(every)
    met: dict[str, Host] = {}
    for name, host in hosts.items():
        update: dict[str, object] = {} if host.group == "edge" else {"neighbours": every}
        if isinstance(host, HomelabHost) and host.postgres is not None:
            databases = _served(hosts, stacks, name)
            update["postgres"] = host.postgres.model_copy(update={"databases": databases})
        met[name] = host.model_copy(update=update)
    return met, {name: stack.model_copy(update={"addresses": known}) for name, stack in stacks.items()}


def _unknown(hosts: Mapping[str, Host], stacks: Mapping[str, Stack], where: Mapping[str, str]) -> list[Fault]:
    known = addresses(neighbours(hosts, stacks))
    return [
        Fault(f"{where[host]}/services/{service.name}/environment", f"no host {name}", did_you_mean(name, known))
        for host, stack in stacks.items()
        for service in stack.containers
        for name in elsewhere(service)
        if name not in known
    ]


def check(hosts: Mapping[str, Host], stacks: Mapping[str, Stack], where: Mapping[str, str]) -> list[Fault]:
    """Faults of databases: no such server, no address to let in, two services that would share one by accident.

    + where: by host, what the faults' paths begin with
    """
    faults = _unknown(hosts, stacks, where)
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for host, service in _with_database(stacks):
        wanted = service.database
        assert wanted is not None  # noqa: S101 - only such are asked for
        path = f"{where[host]}/services/{service.name}/database"
        server = hosts.get(wanted.server)
        if not isinstance(server, HomelabHost) or server.postgres is None:
            able = [name for name, h in hosts.items() if isinstance(h, HomelabHost) and h.postgres]
            remedy = did_you_mean(wanted.server, able) if able else "give a homelab host postgres settings"
            faults.append(Fault(path, f"{wanted.server} has no PostgreSQL", remedy))
        address = hosts[host].home_address or hosts[host].address
        if not _is_address(address):
            fault = f"{host} is reached as {address}, and a server lets addresses in"
            faults.append(Fault(path, fault, "give the host its home_address"))
        if wanted.password not in {spec.name for spec in service.secrets}:
            faults.append(Fault(f"{path}/password", f"{wanted.password} is not declared", "add it to its secrets"))
        other = owners.setdefault((wanted.server, wanted.name), (service.name, wanted.password))
        if other[1] != wanted.password:
            fault = f"{wanted.name} is also {other[0]}'s, with another password"
            faults.append(Fault(path, fault, "give each its own database, or both the same secret"))
    return faults
