"""Headscale: the tailnet's users and pre-auth keys."""

from pyinfra.api.deploy import deploy

from estate.models.host import Host, MainframeHost
from estate.models.stack import Stack
from estate.operations import headscale as operations


@deploy("Headscale")
def headscale(stack: Stack, host: Host) -> None:
    """Make the declared users and keys exist."""
    if isinstance(host, MainframeHost) and host.headscale is not None:
        operations.users_and_keys(
            name="Create users and pre-auth keys", service=stack.service("headscale"), settings=host.headscale
        )
