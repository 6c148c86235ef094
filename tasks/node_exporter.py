"""Node exporter: the host's figures for the homelab's Prometheus."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("Node exporter")
def node_exporter(desired: Desired) -> None:
    """Install and run Debian's node exporter."""
    converge(desired)
