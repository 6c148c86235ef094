"""Base: accounts, sshd, kernel settings, packages, time, security updates, journal."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("Base")
def base(desired: Desired) -> None:
    """Make the base of any Linux host true."""
    converge(desired)
