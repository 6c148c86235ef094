"""Checks across hosts."""

from collections.abc import Iterator, Mapping

from estate.models.faults import Fault
from estate.models.host import EdgeHost, Host


def check(hosts: Mapping[str, Host]) -> list[Fault]:
    """Faults between hosts: shared addresses, indexes used twice, hubs."""
    return [*_addresses(hosts), *_users(hosts), *_edge(hosts)]


def _addresses(hosts: Mapping[str, Host]) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for name, host in hosts.items():
        if host.address in seen:
            fault = f'address "{host.address}" is also that of {seen[host.address]}'
            yield Fault(f"inventories/{host.group}/{name}", fault, "give each host its own")
        seen.setdefault(host.address, name)


def _users(hosts: Mapping[str, Host]) -> Iterator[Fault]:
    for host in hosts.values():
        if not host.admins:
            yield Fault(
                f"group_data/{host.group}/users",
                f"nobody could log in to {host.name}",
                "make one user an admin",
            )
        uids = [user.uid for user in host.users if user.uid is not None]
        for uid in sorted({uid for uid in uids if uids.count(uid) > 1}):
            yield Fault(f"group_data/{host.group}/users", f"uid {uid} is given twice", "give each user its own")


def _edge(hosts: Mapping[str, Host]) -> Iterator[Fault]:
    nodes = [host for host in hosts.values() if isinstance(host, EdgeHost)]
    seen: dict[int, str] = {}
    for node in nodes:
        if node.index in seen:
            fault = f"{node.index} is also that of {seen[node.index]}"
            yield Fault(f"inventories/edge/{node.name}/index", fault, "give each node its own")
        seen.setdefault(node.index, node.name)
    hubs = [node.name for node in nodes if node.role == "hub"]
    if nodes and len(hubs) != 1:
        yield Fault("inventories/edge", f"{len(hubs)} hubs ({', '.join(hubs) or 'none'})", "declare exactly one")
