"""Every task of a host, rendered: what the deploy applies and `estate render` writes out."""

from collections.abc import Mapping

from estate.edge.keys import Keys
from estate.models.desired import Desired
from estate.models.host import EdgeHost, HomelabHost, Host, MainframeHost, ProxmoxHost, StackHost, VpsHost
from estate.models.stack import Stack
from estate.render.backup import backups
from estate.render.base import base
from estate.render.docker_engine import docker_engine, docker_repository
from estate.render.docs_site import docs_site
from estate.render.edge import TASK, edge
from estate.render.firewall import firewall
from estate.render.infisical import HostAccess, infisical
from estate.render.node_exporter import node_exporter
from estate.render.postgres import postgres_defaults, postgres_server
from estate.render.proxmox import Guest, proxmox, proxmox_firewall
from estate.render.stack import stack_tree
from estate.render.vps import vps_tasks
from estate.render.watch import watch


def tasks_of(
    host: Host,
    stack: Stack | None,
    secrets: Mapping[str, str],
    access: HostAccess | None = None,
    keys: Keys = Keys(),  # noqa: B008 - frozen
    guests: tuple[Guest, ...] = (),
) -> dict[str, Desired]:
    """The host's tasks by name, in the order of the deploy.

    + access: what the host reads Infisical with; None while there is none
    + keys: the public keys of the edge fleet's mesh
    + guests: the containers of a Proxmox node
    """
    if isinstance(host, EdgeHost):
        return {TASK: edge(host, keys, secrets)}
    tasks = [base(host), *([firewall(host, stack)] if host.firewall else [])]
    if exporter := node_exporter(host):
        tasks.append(exporter)
    if isinstance(host, HomelabHost) and host.postgres is not None:
        tasks += [postgres_defaults(), postgres_server(host, secrets)]
    if isinstance(host, StackHost) and stack is not None:
        repository = docker_repository(host)
        tasks += [repository] if repository else []
        tasks.append(docker_engine(host))
        if isinstance(host, MainframeHost):
            tasks.append(docs_site(host, stack))
        tasks.append(stack_tree(host, stack, secrets))
        if isinstance(host, MainframeHost) and access and host.secret_store and "infisical" in stack:
            tasks.append(infisical(host, stack, access))
        if isinstance(host, MainframeHost) or host.backups:
            tasks.append(backups(host, stack, secrets))
    if isinstance(host, ProxmoxHost) and host.adopted:
        tasks += [proxmox(host), *([proxmox_firewall(host, guests)] if host.guest_firewall else [])]
    if isinstance(host, VpsHost):
        tasks += vps_tasks(host, stack, secrets)
    if watching := watch(host, stack, secrets):
        tasks.append(watching)
    return {task.task: task for task in tasks}
