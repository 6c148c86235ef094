"""Proxmox: repositories, what the cluster shares, the firewall, containers."""

from collections.abc import Mapping

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.models.host import HomelabHost, ProxmoxHost
from estate.operations import proxmox as operations
from estate.operations.converge import converge
from estate.render.proxmox import FIREWALL, TASK


@deploy("Proxmox")
def proxmox(
    node: ProxmoxHost,
    containers: tuple[HomelabHost, ...],
    tasks: Mapping[str, Desired],
    values: Mapping[str, str],
) -> None:
    """Make a node and its containers as declared; what is not declared is left alone."""
    place = operations.Place(node, containers)
    converge(tasks[TASK])
    operations.shared(name="Add storages, access, realms and backup jobs", place=place)
    if node.realms:
        operations.realm_keys(name="Set client keys of realms", place=place, values=values)
    if FIREWALL in tasks:
        converge(tasks[FIREWALL])
    operations.containers(name="Create and change containers", place=place)
    operations.bootstrap(name="Let the admins in", place=place)
