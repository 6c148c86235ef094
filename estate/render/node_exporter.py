"""Debian's node exporter, on every host that the homelab's Prometheus asks (decisions/0023-homelab-services.md)."""

from estate.models.desired import Desired, Unit
from estate.models.host import Host

TASK = "node_exporter"
SCRAPER = "hl-prometheus"
"""The service that asks."""


def exporter_port(host: Host) -> int | None:
    """Where the host's node exporter answers; None when nobody asks it."""
    return next((n.exporter for n in host.neighbours if n.name == host.name), None)


def node_exporter(host: Host) -> Desired | None:
    """What `tasks/node_exporter.py` makes true; nothing on a host that nobody asks."""
    if exporter_port(host) is None:
        return None
    return Desired(TASK, packages=("prometheus-node-exporter",), units=(Unit("prometheus-node-exporter.service"),))
