"""PostgreSQL server: its encoding before its package, its settings, who may come in, roles and databases."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("PostgreSQL server")
def postgres_server(defaults: Desired, server: Desired) -> None:
    """Install the server with UTF-8 as its encoding, tune it, and make the declared databases exist.

    The package makes the cluster, with what it finds then: so the defaults come before it.
    """
    converge(defaults)
    converge(server)
