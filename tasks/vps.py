"""The small public edge: swap and the tunnel's kernel module, and Pangolin's first start."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("VPS")
def vps(desired: Desired) -> None:
    """Make what the stack stands on."""
    converge(desired)


@deploy("Pangolin")
def pangolin(desired: Desired) -> None:
    """Make Pangolin's admin, organization and site, once it answers."""
    converge(desired)
