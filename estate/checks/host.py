"""Checks across hosts."""

from collections.abc import Iterator, Mapping

from estate.models.faults import Fault
from estate.models.host import Host


def check(hosts: Mapping[str, Host]) -> list[Fault]:
    """Faults between hosts: shared addresses, users."""
    return [*_addresses(hosts), *_users(hosts)]


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
