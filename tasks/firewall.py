"""Firewall: nftables; only declared ports, Docker's published ones included."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("Firewall")
def firewall(desired: Desired) -> None:
    """Load the declared rules, now and at every boot."""
    converge(desired)
