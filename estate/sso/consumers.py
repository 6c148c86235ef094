"""The consumers' side of the same declarations: Grafana's environment, Proxmox' realm."""

from typing import Any

from estate.models.service import SecretFile
from estate.models.sso import OidcClient
from estate.sso.clients import ADMINS, USERS, client, issuer

GRAFANA_SECRET = "oidc-client-secret"  # noqa: S105 - a file's name
REALM = "authentik"
"""The realm's name in Proxmox; its groups are GROUP-authentik there."""


def grafana_environment(of: OidcClient, domain: str) -> dict[str, str]:
    """Grafana's generic OAuth (facts 2.6). The local admin login stays beside it, for the day Authentik is away.

    + domain: that of Authentik, auth.DOMAIN
    """
    endpoint = f"https://auth.{domain}/application/o"
    settings = {
        "ENABLED": "true",
        "NAME": "Authentik",
        "CLIENT_ID": of.name,
        "CLIENT_SECRET__FILE": f"/run/secrets/{GRAFANA_SECRET}",
        "SCOPES": "openid profile email",
        "AUTH_URL": f"{endpoint}/authorize/",
        "TOKEN_URL": f"{endpoint}/token/",
        "API_URL": f"{endpoint}/userinfo/",
        "USE_PKCE": "true",
        "ALLOW_SIGN_UP": "true",
        "AUTO_LOGIN": "false",
        "LOGIN_ATTRIBUTE_PATH": "preferred_username",
        "GROUPS_ATTRIBUTE_PATH": "groups",
        "ROLE_ATTRIBUTE_PATH": (
            f"contains(groups[*], '{ADMINS}') && 'Admin' || contains(groups[*], '{USERS}') && 'Viewer'"
        ),
        # Whoever is in neither group is refused instead of becoming a viewer
        "ROLE_ATTRIBUTE_STRICT": "true",
    }
    own = {f"GF_AUTH_GENERIC_OAUTH_{name}": value for name, value in settings.items()}
    signout = f"https://auth.{domain}/application/o/{of.name}/end-session/"
    return own | {"GF_AUTH_SIGNOUT_REDIRECT_URL": signout}


def grafana_secret_file(of: OidcClient) -> SecretFile:
    """Grafana's client secret as a file: its environment would show it to `docker inspect`."""
    return SecretFile(secret=of.secret, path=GRAFANA_SECRET)


def proxmox_realm(domain: str) -> dict[str, Any]:
    """The plain values of Proxmox' realm (facts 1.7), for group_data/proxmox.py.

    `username` is fixed once the realm exists; it stands for OIDC's preferred_username.
    """
    of = client("proxmox")
    return {
        "name": REALM,
        "issuer_url": issuer(of.name, domain),
        "client_id": of.name,
        "client_secret": of.secret,
        "username_claim": "username",
        "autocreate": True,
        "groups_claim": "groups",
        # A login that dies with its own guest must not be the first that is offered
        "default": False,
    }


def proxmox_access() -> dict[str, Any]:
    """The group that administers Proxmox, and its right; who is in it, Authentik says at every login."""
    group = proxmox_group(ADMINS)
    return {
        "groups": [{"name": group, "comment": f"{ADMINS} of Authentik"}],
        "acl": [{"path": "/", "role": "PVEAdmin", "group": group}],
    }


def proxmox_group(group: str) -> str:
    """What Proxmox calls a group that came with the token."""
    return f"{group}-{REALM}"
