"""Backups: the program that makes and proves sets, its credentials, and the timers that start it."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("Backups")
def backups(desired: Desired) -> None:
    """Install the program and its timers; the first set is made by the first timer, or by `estate backup run`."""
    converge(desired)
