"""pyinfra's SSH connector with fewer round trips, and one connection to each jump host (entry point "estate").

What it says to a host and how it trusts it is pyinfra's: keys, agent, known_hosts, ssh_config. docs/performance.md
has the round trips that each of estate/transport.py's changes saves.
"""

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.connectors.ssh import SSHConnector

from estate.jumps import Jumps
from estate.transport import CommandTransport, OneKeyTransport

NAME = "estate"
_Data = dict[str, Any]
_declared: dict[str, dict[str, _Data]] = {}
"""By inventory: its hosts and their data, as the inventory's file has them."""
_jumps = Jumps()


class Connector(SSHConnector):
    """Connects like `@ssh`; `@estate/INVENTORY` stands for all hosts of an inventory, by their plain names."""

    @staticmethod
    def make_names_data(name: str) -> Iterator[tuple[str, _Data, list[str]]]:
        """The hosts that `connected` was told of; their groups are those of the inventory's file."""
        for host, data in _declared[name].items():
            yield host, dict(data), []

    def make_paramiko_kwargs(self) -> dict[str, Any]:
        """What paramiko connects with: our transport, through the jump host's one connection if there is one."""
        kwargs: dict[str, Any] = super().make_paramiko_kwargs()
        factory = OneKeyTransport if kwargs.get("pkey") else CommandTransport
        return _jumps.through(kwargs | {"transport_factory": factory})

    def connect(self) -> None:
        """Connect, and begin to open the first command's channel."""
        super().connect()
        transport = self.client.get_transport() if self.client is not None else None
        if isinstance(transport, CommandTransport):
            transport.prepare()


def connected(inventory_file: str, namespace: Mapping[str, Any]) -> list[str | tuple[str, _Data]]:
    """What an inventory calls `all`, so that its hosts are reached by this connector and keep their names.

    + namespace: the file's `vars()`: every list in it is a group of (name, data), as pyinfra sees it

    pyinfra chooses the connector by a prefix of the name. One name that stands for all hosts costs nothing;
    a prefix on each would make pyinfra look for the installed connectors once more for every host.
    """
    hosts: dict[str, _Data] = {}
    for key, group in namespace.items():
        if key.startswith("_") or not isinstance(group, list):
            continue
        for item in group:
            name, data = item if isinstance(item, tuple) else (item, {})
            hosts.setdefault(name, {}).update(data)
    if not entry_points(group="pyinfra.connectors", name=NAME):
        logger.warning("estate's connector is not installed, pyinfra's own is slower; run `make venv`")
        return list(hosts.items())
    stem = Path(inventory_file).stem
    _declared[stem] = hosts
    return [f"@{NAME}/{stem}"]
