"""What each host watches, from the declarations: the jobs of files/watch and when they run (seed 002's scripts)."""

from dataclasses import dataclass
from typing import Any

from estate.models.host import Host, ProxmoxHost, StackHost
from estate.models.host_parts import Neighbour
from estate.models.stack import Stack
from estate.models.watch import WatchSettings
from estate.render.backup_config import backups_dir
from estate.sso.clients import client, issuer

SCRAPER = "hl-prometheus"
TUNNEL_ENDS = {"newt": (1, ("newt",)), "gerbil": (2, ("gerbil", "traefik"))}
"""By the service that is an end of the tunnel: how much longer it waits than the first, and what is started anew.

Newt first; the VPS' end only when that did not help. Traefik lives in Gerbil's network, and dies with it."""
EDGE = "gerbil"
"""Who has it, has the homelab's public address."""
TLS_MIN = "TLSv1.2"


@dataclass(frozen=True)
class Job:
    """One job: its name, what it is in a unit's description, when (systemd.time(7)), and its settings."""

    name: str
    description: str
    calendar: str
    settings: dict[str, Any]

    @property
    def unit(self) -> str:
        """The units' name without its ending."""
        return f"estate-watch-{self.name}"


def _edge(host: Host) -> Neighbour | None:
    return next((n for n in host.neighbours if EDGE in n.services), None)


def _sites(host: Host) -> list[str]:
    """Every public name of the homelab."""
    return sorted({site for n in host.neighbours if n.group == "homelab" for site in n.sites})


def _health(host: Host, stack: Stack | None, watch: WatchSettings) -> Job:
    edge = _edge(host)
    names = _sites(host) if stack is not None and SCRAPER in stack else []
    sites = [{"url": f"https://{name}/", "address": edge.address, "seconds": watch.response} for name in names if edge]
    project = stack.settings.project if stack else None
    services = [service.name for service in stack.containers] if stack else []
    settings = {"sites": sites, "project": project, "services": services}
    return Job("health-check", "Health of sites, containers and units", "*:0/5", settings)


def _certificates(host: Host, watch: WatchSettings) -> Job | None:
    edge = _edge(host)
    if edge is None:
        return None
    names = [{"name": name, "address": edge.address, "port": 443} for name in _sites(host)]
    settings = {"names": names, "warn_days": watch.certificate_days, "tls_min": TLS_MIN}
    return Job("cert-check", "Certificates as they are served", "*-*-* 07:15:00", settings)


def _report(host: Host) -> Job:
    machines = [
        {"name": n.name, "instance": f"{n.address}:{n.exporter}"}
        for n in sorted(host.neighbours, key=lambda n: n.name)
        if n.exporter
    ]
    prometheus = {"command": ["docker", "exec", SCRAPER, "wget", "-qO-"], "base": "http://127.0.0.1:9090"}
    settings = {"prometheus": prometheus, "machines": machines, "title": "the homelab"}
    return Job("resource-report", "Weekly report of what the machines used", "Mon *-*-* 08:00:00", settings)


def _tunnel(host: Host, stack: Stack, watch: WatchSettings) -> Job | None:
    edge = _edge(host)
    end = next((name for name in TUNNEL_ENDS if name in stack), None)
    if edge is None or end is None:
        return None
    factor, containers = TUNNEL_ENDS[end]
    page = issuer(client("hl-grafana").name, stack.settings.domain)
    settings = {
        "url": f"{page}.well-known/openid-configuration",
        "address": edge.address,
        # What only the homelab's Authentik says: a proxy's own polite page is no tunnel
        "contains": page,
        "failures": watch.tunnel_failures * factor,
        "restart": ["docker", "restart", *containers],
        "per_day": watch.tunnel_starts,
        "first_wait": watch.tunnel_wait * factor,
    }
    return Job("tunnel-monitor", "Whether data flow through the tunnel", "*:*:00", settings)


def _guest_backups(host: ProxmoxHost, watch: WatchSettings) -> Job | None:
    if not host.adopted or not host.leads or not host.backup_jobs:
        return None
    guests = sorted(n.vmid for n in host.neighbours if n.vmid is not None)
    settings = {
        "node": host.name,
        "storage": host.backup_jobs[0].storage,
        "guests": guests,
        "max_age_hours": watch.backup_hours,
    }
    return Job("backup-proxmox", "Backups of the guests", "*-*-* 08:05:00", settings)


def jobs(host: Host, stack: Stack | None) -> tuple[Job, ...]:
    """The host's jobs; none when it watches nothing."""
    watch = host.watch
    if watch is None:
        return ()
    found: list[Job | None] = [_health(host, stack, watch)]
    if stack is not None and SCRAPER in stack:
        found += [_certificates(host, watch), _report(host)]
    if stack is not None:
        found.append(_tunnel(host, stack, watch))
    if isinstance(host, ProxmoxHost):
        found.append(_guest_backups(host, watch))
    if host.group == "vps" and isinstance(host, StackHost) and stack is not None and host.backups:
        program = f"{backups_dir(stack)}/scripts/estate-backup"
        settings = {"program": program, "max_age_hours": watch.backup_hours}
        found.append(Job("backup-vps", "Backup sets of this host", "*-*-* 08:10:00", settings))
    return tuple(job for job in found if job is not None)
