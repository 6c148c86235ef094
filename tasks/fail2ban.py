"""fail2ban: bans that hold for the host's own ports and for Docker's published ones."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("fail2ban")
def fail2ban(desired: Desired) -> None:
    """Run the declared jails."""
    converge(desired)
