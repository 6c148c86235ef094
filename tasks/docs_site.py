"""Docs site: what Caddy serves at docs.DOMAIN, and the job that rebuilds it."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations.converge import converge


@deploy("Docs site")
def docs_site(desired: Desired) -> None:
    """Lay out the site's directories, its generated page, and the (paused) Quartz job."""
    converge(desired)
