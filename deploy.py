"""What runs where, and in which order; nothing else."""

from pyinfra import host, inventory

from estate.deployment import prepare
from tasks.backups import backups
from tasks.base import base
from tasks.docker_engine import docker_engine
from tasks.docker_stack import docker_stack
from tasks.docs_site import docs_site
from tasks.edge_nodes import edge_monitors, edge_nodes
from tasks.firewall import firewall
from tasks.headscale import headscale
from tasks.infisical import infisical
from tasks.node_exporter import node_exporter
from tasks.order import servers_first
from tasks.postgres_server import postgres_server
from tasks.proxmox import proxmox
from tasks.vps import vps, vps_system
from tasks.watch import watch

job = prepare(inventory, host)

if "base" in job:
    base(job["base"])
if "firewall" in job:
    firewall(job["firewall"])
if "node_exporter" in job:
    node_exporter(job["node_exporter"])
if "postgres_server" in job:
    postgres_server(job["postgres_defaults"], job["postgres_server"])
if "vps" in job:
    vps_system(job["vps"])
if job.stack is not None:
    docker_engine(job.get("docker_repository"), job["docker_engine"])
    if "docs_site" in job:
        docs_site(job["docs_site"])
if "vps" in job:
    if job.stack is not None:
        docker_stack(job.stack, job["docker_stack"])
    vps(job.get("pangolin"), job.get("fail2ban"))
# Of the homelab: its database, and the far end of its tunnel, without which the near one is not well
if job.host.group in ("homelab", "vps"):
    servers_first()
if job.stack is not None and "vps" not in job:
    docker_stack(job.stack, job["docker_stack"])
if job.stack is not None:
    if "infisical" in job.stack:
        infisical(job.backend, job.loaded, job.get("infisical"))
    if "headscale" in job.stack:
        headscale(job.stack, job.host)
    if "backups" in job:
        backups(job["backups"])
if "proxmox" in job:
    proxmox(job.host, job.containers, job.tasks, job.loaded.values)
if "watch" in job:
    watch(job["watch"])
if "edge" in job:
    edge_nodes(host, inventory.get_active_hosts(), job["edge"], job.host, job.keys)
    if job.host.is_hub:
        edge_monitors(job["edge"], job.host, job.loaded.values)
