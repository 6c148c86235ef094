"""Docker engine: packages and daemon settings."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("Docker engine")
def docker_engine(repository: Desired | None, engine: Desired) -> None:
    """Install the engine (from Docker's own repository, when the host wants that) and configure it."""
    if repository is not None:
        converge(repository)
    converge(engine)
