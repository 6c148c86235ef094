"""What a host watches by itself: the seed's scripts as one program, and the timers that start it."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("Watching")
def watch(desired: Desired) -> None:
    """Install the program and its timers; each job can be started by hand: `estate-watch health-check`."""
    converge(desired)
