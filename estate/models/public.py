"""What the world may ask the homelab for: one resource a site, or a port that is handed through."""

from typing import Literal

from estate.models.base import Frozen, HostName, Name, Port


class Target(Frozen):
    """Where a resource's requests go, as the homelab's end of the tunnel sees it.

    + path: the beginning of the paths that go here; empty: all others
    """

    hostname: str
    port: Port
    path: str = ""


class PublicResource(Frozen):
    """A site (`domain`), or a raw port (`port`) of the VPS; `key` is its identifier at Pangolin."""

    key: Name
    name: str
    mode: Literal["http", "tcp", "udp"] = "http"
    domain: HostName | None = None
    port: Port | None = None
    targets: tuple[Target, ...]
