"""The small public edge: what its stack stands on, Pangolin's first start, and fail2ban, which reads Traefik's log."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("VPS")
def vps(system: Desired, pangolin: Desired | None, fail2ban: Desired | None) -> None:
    """Make swap, and once the stack runs: Pangolin's admin, organization and site; and who is shut out.

    + system: swap and kernel modules
    """
    converge(system)
    for desired in (pangolin, fail2ban):
        if desired is not None:
            converge(desired)
