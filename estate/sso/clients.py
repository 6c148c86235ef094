"""Who signs in through Authentik: every client once, with its policy (seed 002, "Integration Targets")."""

from collections.abc import Iterator, Mapping

from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import SecretFile
from estate.models.sso import Application, GuardedSite, OidcClient, Policy, SsoSettings

ADMINS = "estate-admins"
USERS = "estate-users"
GROUPS = (ADMINS, USERS)
"""The groups that Authentik has from us."""

POLICIES: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy(
            name="external",
            purpose="from outside with WebAuthn only; inside TOTP is enough",
            outside="webauthn",
            inside="totp",
        ),
        Policy(
            name="internal",
            purpose="from inside only; TOTP is enough",
            outside="deny",
            inside="totp",
        ),
        Policy(
            name="admin",
            purpose="WebAuthn wherever one is, and again at every sign-in",
            outside="webauthn",
            inside="webauthn",
            fresh=True,
        ),
    )
}
"""The three policies of seed 002."""

CLIENTS: tuple[OidcClient, ...] = (
    OidcClient(
        name="proxmox",
        title="Proxmox VE",
        policy="admin",
        groups=(ADMINS,),
        consumer="proxmox",
        secret="PROXMOX_OIDC_SECRET",  # noqa: S106 - a name
    ),
    OidcClient(
        name="hl-grafana",
        title="Grafana (homelab)",
        policy="external",
        groups=GROUPS,
        consumer="hl-grafana",
        redirects=("https://grafana-home.{domain}/login/generic_oauth",),
        secret="HL_GRAFANA_OIDC_SECRET",  # noqa: S106 - a name
    ),
    OidcClient(
        name="pangolin",
        title="Pangolin",
        policy="admin",
        groups=(ADMINS,),
        consumer="pangolin",
        # The number is the identity provider's in Pangolin: the first one that is made is 1
        redirects=("https://pangolin.{domain}/auth/idp/1/oidc/callback",),
        secret="PANGOLIN_OIDC_SECRET",  # noqa: S106 - a name
        by_hand="its identity provider is entered once in its pages (docs/sso.md)",
        off="its identity provider has to be entered by hand first (docs/sso.md)",
    ),
    OidcClient(
        name="grafana",
        title="Grafana (mainframe)",
        policy="external",
        groups=GROUPS,
        consumer="grafana",
        redirects=("https://grafana.mainframe.{domain}/login/generic_oauth",),
        secret="GRAFANA_OIDC_SECRET",  # noqa: S106 - a name
        off="the mainframe's dashboards must open while the homelab is down; adr 0025 says how to switch it on",
    ),
    OidcClient(
        name="home-assistant",
        title="Home Assistant",
        policy="external",
        groups=GROUPS,
        consumer="home-assistant",
        # Home Assistant has no OpenID Connect of its own; this is hass-oidc-auth's path
        redirects=("https://home.{domain}/auth/oidc/callback",),
        secret="HOME_ASSISTANT_OIDC_SECRET",  # noqa: S106 - a name
        off="there is no Home Assistant yet",
    ),
)
"""Every OIDC client, by declaration."""

SITES: tuple[GuardedSite, ...] = (
    GuardedSite(
        name="n8n",
        title="n8n",
        policy="external",
        groups=GROUPS,
        consumer="n8n",
        host="n8n",
        upstream="n8n:5678",
        # Other machines call these, and cannot sign in; n8n's own checks stand
        open_paths=("^/webhook(-test|-waiting)?/.*", "^/healthz$"),
    ),
)
"""Every site that Authentik's embedded outpost guards (n8n's own OIDC is not in its Community edition)."""


def in_use() -> tuple[OidcClient, ...]:
    """The clients that are not merely prepared."""
    return tuple(client for client in CLIENTS if not client.off)


def applications() -> Iterator[Application]:
    """Everything in use that people sign in to."""
    yield from in_use()
    yield from (site for site in SITES if not site.off)


def client(name: str) -> OidcClient:
    """The client of that name; KeyError when it is not declared."""
    for found in CLIENTS:
        if found.name == name:
            return found
    raise KeyError(name)


def site(name: str) -> GuardedSite:
    """The guarded site of that name; KeyError when it is not declared."""
    for found in SITES:
        if found.name == name:
            return found
    raise KeyError(name)


def redirects(of: OidcClient, settings: SsoSettings) -> tuple[str, ...]:
    """The client's redirect URIs, complete. Proxmox wants each node's address without a path (facts 1.7)."""
    return tuple(uri.format(domain=settings.domain) for uri in of.redirects) or settings.proxmox_urls


def issuer(name: str, domain: str) -> str:
    """The client's issuer; the slash at its end belongs to it (facts 2.2, per_provider mode)."""
    return f"https://auth.{domain}/application/o/{name}/"


def secret_of(of: OidcClient) -> SecretSpec:
    """The client secret as the manifest has it. Authentik and the consumer share it."""
    return SecretSpec(
        name=of.secret,
        kind=SecretKind.PASSWORD,
        length=64,
        purpose=f"OIDC client secret of {of.title}",
        rotate_days=365,
    )


def authentik_secrets() -> tuple[SecretSpec, ...]:
    """All client secrets that Authentik's worker is given."""
    return tuple(secret_of(each) for each in in_use())


def secret_file(of: OidcClient) -> str:
    """The name below /run/secrets under which Authentik's worker reads the client's secret."""
    return f"oidc-{of.name}"


def authentik_secret_files() -> tuple[SecretFile, ...]:
    """The client secrets as files of Authentik's worker, whose blueprints name them by !File."""
    return tuple(SecretFile(secret=each.secret, path=secret_file(each)) for each in in_use())
