"""The blueprint of the applications: an OIDC provider a client, a proxy provider a guarded site, the outpost."""

from collections.abc import Iterator

from estate.models.sso import Application, GuardedSite, OidcClient, SsoSettings
from estate.sso.clients import SITES, applications, in_use, redirects, secret_file
from estate.sso.entries import Entry, FileOf, Find, KeyOf, after, entry, text
from estate.sso.login import NAME as LOGIN
from estate.sso.login import RECENT, authorization_flow

NAME = "Estate - Applications"
_FLOW = "authentik_flows.flow"
_MAPPING = "authentik_providers_oauth2.scopemapping"
_OIDC_SCOPES = ("openid", "email", "profile")
_SYSTEM = (
    "Default - Provider invalidation flow",
    "System - OAuth2 Provider - Scopes",
    "System - Proxy Provider - Scopes",
)
"""Authentik's own blueprints that these refer to."""


def _scopes(kinds: tuple[str, ...]) -> list[Find]:
    return [Find(_MAPPING, "managed", f"goauthentik.io/providers/oauth2/scope-{kind}") for kind in kinds]


def _flows(application: Application) -> dict[str, Find]:
    return {
        "authorization_flow": Find(_FLOW, "slug", authorization_flow(application.policy)),
        "invalidation_flow": Find(_FLOW, "slug", "default-provider-invalidation-flow"),
    }


def _provider(client: OidcClient, settings: SsoSettings) -> Entry:
    attrs = {
        **_flows(client),
        "client_type": "confidential",
        "client_id": client.name,
        "client_secret": FileOf(f"/run/secrets/{secret_file(client)}"),
        # Empty since 2026.5 unless it is said, and then no login works (facts 2.2, pitfalls)
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [{"matching_mode": "strict", "url": uri} for uri in redirects(client, settings)],
        "signing_key": Find("authentik_crypto.certificatekeypair", "name", "authentik Self-signed Certificate"),
        "issuer_mode": "per_provider",
        "sub_mode": "hashed_user_id",
        "include_claims_in_id_token": True,
        "access_code_validity": "minutes=1",
        "access_token_validity": "minutes=10",
        "refresh_token_validity": RECENT,
        "property_mappings": _scopes(_OIDC_SCOPES),
    }
    return entry("authentik_providers_oauth2.oauth2provider", {"name": client.name}, attrs, f"provider-{client.name}")


def _guard(site: GuardedSite, settings: SsoSettings) -> Entry:
    host, _, port = site.upstream.partition(":")
    attrs = {
        **_flows(site),
        "mode": "proxy",
        "external_host": f"https://{site.host}.{settings.domain}",
        "internal_host": f"http://{settings.upstreams[host]}:{port}",
        "intercept_header_auth": False,
        "skip_path_regex": "\n".join(site.open_paths),
        "access_token_validity": RECENT,
        "property_mappings": [
            *_scopes(_OIDC_SCOPES),
            Find(_MAPPING, "managed", "goauthentik.io/providers/proxy/scope-proxy"),
        ],
    }
    return entry("authentik_providers_proxy.proxyprovider", {"name": site.name}, attrs, f"provider-{site.name}")


def _application(application: Application) -> Iterator[Entry]:
    key = f"application-{application.name}"
    attrs = {"name": application.title, "provider": KeyOf(f"provider-{application.name}"), "policy_engine_mode": "any"}
    yield entry("authentik_core.application", {"slug": application.name}, attrs, key)
    for number, group in enumerate(application.groups):
        identifiers = {"target": KeyOf(key), "group": Find("authentik_core.group", "name", group), "order": number}
        yield entry("authentik_policies.policybinding", identifiers, {"enabled": True})


def _outpost(sites: list[GuardedSite], settings: SsoSettings) -> Entry:
    attrs = {
        "name": "authentik Embedded Outpost",
        "type": "proxy",
        "providers": [KeyOf(f"provider-{site.name}") for site in sites],
        # Without it the outpost sends people to http://localhost
        "config": {"authentik_host": f"https://{settings.host}", "log_level": "info"},
    }
    return entry("authentik_outposts.outpost", {"managed": "goauthentik.io/outposts/embedded"}, attrs)


def applications_blueprint(settings: SsoSettings) -> str:
    """Providers, applications and who may use them."""
    sites = [site for site in SITES if not site.off]
    entries = [
        *(after(name) for name in (*_SYSTEM, LOGIN)),
        *(_provider(client, settings) for client in in_use()),
        *(_guard(site, settings) for site in sites),
        *(each for application in applications() for each in _application(application)),
        _outpost(sites, settings),
    ]
    return text(NAME, "Applications of the estate and their providers", entries)
