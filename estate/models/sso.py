"""Single sign-on as declarations: policies, OIDC clients, sites that a proxy guards, and what an estate says of it.

Facts: facts/homelab-vps.md, 2.2 (Authentik) and 1.7 (Proxmox' OpenID realm).
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from estate.models.base import Cidr, Frozen, HostName, Name, SecretName

Factor = Literal["webauthn", "totp"]
"""A second factor; `totp` where it is enough, and WebAuthn then is too."""


def _https(value: str) -> str:
    if not value.startswith("https://") or value.endswith("/"):
        raise ValueError(f'"{value}" is not a web address; write for example https://pve1.home.arpa:8006')
    return value


WebAddress = Annotated[str, AfterValidator(_https)]


class Policy(Frozen):
    """What a login must have shown, by where it comes from.

    + outside: of a login from any other network than the internal ones; "deny" refuses it
    + fresh: it is asked for at every sign-in to an application, however young the last one is
    """

    name: Name
    purpose: str
    outside: Factor | Literal["deny"]
    inside: Factor
    fresh: bool = False


class Application(Frozen):
    """Something that people sign in to.

    + name: its slug in Authentik, and the client id of OIDC
    + policy: the name of a policy
    + groups: the groups whose members may use it
    + consumer: the service (or the inventory's group) that it is
    + off: why it is only prepared; empty: it is in use
    """

    name: Name
    title: str
    policy: Name
    groups: tuple[Name, ...]
    consumer: Name
    off: str = ""


class OidcClient(Application):
    """An application that speaks OpenID Connect itself.

    + redirects: where it may send people back to, "{domain}" being the estate's; none: one for each Proxmox node
    + secret: the name of its client secret
    + by_hand: how the consumer is told, when no file of it can be
    """

    redirects: tuple[str, ...] = ()
    secret: SecretName
    by_hand: str = ""


class GuardedSite(Application):
    """An application without OpenID Connect: Authentik's embedded outpost is its proxy.

    + host: its label below the estate's domain
    + upstream: where the outpost reaches it: the inventory's host and the port, "n8n:5678"
    + open_paths: regular expressions of the paths that are open to everybody (machines cannot sign in)
    """

    host: HostName
    upstream: str = Field(pattern=r"^[a-z][a-z0-9-]*:\d+$")
    open_paths: tuple[str, ...] = ()


class SsoSettings(Frozen):
    """What the declarations do not know: the estate's domain, its networks, its nodes' addresses.

    + domain: Authentik is auth.DOMAIN
    + internal_networks: whose logins are "inside"
    + tunnel_addresses: the tunnel's end in the homelab; what comes from there without a client's address is outside
    + proxmox_urls: how a browser reaches each Proxmox node; each is a redirect URI
    + upstreams: the addresses of the inventory's hosts that guarded sites run on, by name
    """

    domain: HostName
    internal_networks: tuple[Cidr, ...] = Field(min_length=1)
    tunnel_addresses: tuple[Cidr, ...] = ()
    proxmox_urls: tuple[WebAddress, ...] = ()
    upstreams: dict[Name, str] = Field(default_factory=dict)

    @property
    def host(self) -> str:
        """The name that Authentik answers under; WebAuthn credentials are bound to it."""
        return f"auth.{self.domain}"
