"""The homelab's public edge: what its VPS is told beside its services (seed 002; docs/decisions/0024-vps.md)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from estate.models.base import Cidr, Frozen, HostName, Name, Port, Size

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
Ipv4 = Annotated[str, Field(pattern=r"^(\d{1,3}\.){3}\d{1,3}$")]

DASHBOARD = "pangolin"
"""The label of Pangolin's own site; `newt` asks for it below its stack's domain."""


class Reserve(Frozen):
    """What the limits of the services leave to the system (seed 002: memory in use stays under 3 of 4 GB)."""

    cpus: float = Field(default=0, ge=0)
    memory: Size = 1024**3


class ForeignRoute(Frozen):
    """A site of the homelab that is no service of ours (Home Assistant, say), spoken to over HTTP.

    + host: the label below the public domain
    """

    host: HostName
    address: str
    port: Port


class RawRoute(Frozen):
    """A port that is handed through the tunnel as it is: without TLS, login and rules (facts/homelab-vps.md, 3.1)."""

    service: Name
    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"


class ForwardAuth(Frozen):
    """Sites that Authentik's embedded outpost stands in front of, as they know no single sign-on themselves.

    + hosts: their labels; all that is asked of them goes to `outpost`, which asks the service behind it
    + bypass: by label, the beginnings of paths that go to the service itself
    """

    outpost: Name = "authentik-server"
    hosts: tuple[HostName, ...] = ()
    bypass: dict[HostName, tuple[str, ...]] = Field(default_factory=dict)


class PangolinSettings(Frozen):
    """Pangolin and the Traefik that it steers.

    + domain: below which the homelab's sites are
    + names: labels of further names of the VPS, which are no sites (RustDesk's, say)
    + tls_min: the least version of TLS that is spoken; seed 002 asks for 1.3, which shuts out clients from before 2019
    + hsts: seconds that browsers remember to come over TLS only
    """

    domain: HostName
    admin_email: Email
    organization: Name = "homelab"
    site: Name = "homelab"
    names: tuple[HostName, ...] = ()
    tls_min: Literal["1.2", "1.3"] = "1.3"
    hsts: int = Field(default=31_536_000, ge=0)
    raw: tuple[RawRoute, ...] = ()
    foreign: tuple[ForeignRoute, ...] = ()
    forward_auth: ForwardAuth = ForwardAuth()

    @property
    def dashboard_name(self) -> str:
        """The full name of Pangolin's own site."""
        return f"{DASHBOARD}.{self.domain}"


class Fail2ban(Frozen):
    """Who is shut out, and for how long; times in seconds.

    + ignore: networks that are never shut out: where the operator and the probes come from
    + ban_time: of the first ban; each further one is twice as long, up to `ban_max`
    """

    ignore: tuple[Cidr, ...] = ()
    max_retry: int = Field(default=5, ge=1)
    find_time: int = Field(default=600, ge=60)
    ban_time: int = Field(default=600, ge=60)
    ban_max: int = 7 * 86_400
    recidive_ban: int = 7 * 86_400
    recidive_find: int = 86_400

    @model_validator(mode="after")
    def _longer(self) -> Self:
        if self.ban_max < self.ban_time:
            raise ValueError(f"ban_max {self.ban_max} is shorter than ban_time {self.ban_time}")
        return self
