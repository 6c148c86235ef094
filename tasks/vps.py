"""The small public edge: what its stack stands on, Pangolin's first start, and fail2ban, which reads Traefik's log."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("VPS")
def vps_system(system: Desired) -> None:
    """Make swap and load the kernel modules that the stack wants."""
    converge(system)


@deploy("VPS")
def vps(pangolin: Desired | None, fail2ban: Desired | None) -> None:
    """Once the stack runs: Pangolin's admin, organization and site; and who is shut out."""
    for desired in (pangolin, fail2ban):
        if desired is not None:
            converge(desired)
