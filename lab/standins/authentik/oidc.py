"""The OpenID provider: oauthlib decides what is valid and builds the answers; this is its storage and its claims."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus

from oauthlib.openid import RequestValidator, Server

from lab.standins.authentik.events import Events
from lab.standins.authentik.keys import SigningKey
from lab.standins.authentik.people import People
from lab.standins.authentik.providers import Client, Providers, claims_of
from lab.standins.authentik.stages import seconds
from lab.standins.rows import Row, Store

CODE = "code"
TOKEN = "token"  # noqa: S105 - a kind of row
ACR = "goauthentik.io/providers/oauth2/default"


@dataclass(frozen=True)
class Grant:
    """Who signed in, how and when: what `user` is to oauthlib."""

    username: str
    auth_time: int
    amr: tuple[str, ...]
    session: str
    issuer_base: str


class Validator(RequestValidator):  # type: ignore[misc]
    """oauthlib's questions, answered from the database."""

    def __init__(
        self, store: Store, providers: Providers, people: People, key: SigningKey, salt: str, now: Callable[[], float]
    ) -> None:
        super().__init__()
        self.store, self.providers, self.people = store, providers, people
        self.key, self.salt, self.now = key, salt, now

    # --- clients

    def validate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether there is such a client."""
        request.client = self.providers.by_id(client_id)
        return request.client is not None

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *a: Any, **kw: Any) -> bool:
        """Whether it is one of the client's."""
        client = self.providers.by_id(client_id)
        return client is not None and client.allows(redirect_uri)

    def get_default_redirect_uri(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """None: it must be named."""
        return None

    def validate_response_type(self, client_id: str, response_type: str, client: Any, *a: Any, **kw: Any) -> bool:
        """The code flow only."""
        return response_type == "code"

    def validate_scopes(self, client_id: str, scopes: list[str], client: Client, request: Any, *a: Any) -> bool:
        """Unknown scopes are dropped, as Authentik does; without `openid` there is no token of ours."""
        known = self.providers.scopes_of(client)
        request.scopes = [scope for scope in scopes if scope in known]
        return "openid" in request.scopes

    def get_default_scopes(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        """None of its own."""
        return []

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """All clients are confidential."""
        return True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """The client's id and secret, from the header or the body."""
        client_id, secret = _credentials(request)
        client = self.providers.by_id(client_id)
        if client is None or not client.secret or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            return False
        request.client = client
        return True

    def validate_grant_type(self, client_id: str, grant_type: str, client: Client, request: Any, *a: Any) -> bool:
        """What the provider was given; nothing, when its blueprint does not say."""
        return grant_type in client.grant_types

    # --- codes

    def is_pkce_required(self, client_id: str, request: Any) -> bool:
        """Confidential clients need none; who sends a challenge is held to it."""
        return False

    def save_authorization_code(self, client_id: str, code: dict[str, str], request: Any, *a: Any, **kw: Any) -> None:
        """Keep what the code stands for."""
        grant: Grant = request.user
        lasts = seconds(request.client.provider.get("access_code_validity", "minutes=1"))
        row = {
            "client_id": client_id,
            "redirect_uri": request.redirect_uri,
            "scopes": list(request.scopes),
            "nonce": request.nonce,
            "code_challenge": request.code_challenge,
            "code_challenge_method": request.code_challenge_method,
            "grant": {**grant.__dict__, "amr": list(grant.amr)},
            "expires": self.now() + lasts,
        }
        self.store.add(CODE, code["code"], row)

    def _code(self, client_id: str, code: str) -> Row | None:
        row = self.store.get(CODE, code)
        return row if row and row["client_id"] == client_id and row["expires"] > self.now() else None

    def validate_code(self, client_id: str, code: str, client: Client, request: Any, *a: Any, **kw: Any) -> bool:
        """Whether the code is this client's and still good."""
        row = self._code(client_id, code)
        if row is None:
            return False
        request.user = Grant(**{**row["grant"], "amr": tuple(row["grant"]["amr"])})
        request.scopes, request.nonce = row["scopes"], row["nonce"]
        return True

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Client, request: Any, *a: Any
    ) -> bool:
        """Whether the code was made for it."""
        row = self._code(client_id, code)
        return row is not None and row["redirect_uri"] == redirect_uri

    def get_code_challenge(self, code: str, request: Any) -> str | None:
        """PKCE's challenge, if the client sent one."""
        return (self.store.get(CODE, code) or {}).get("code_challenge")

    def get_code_challenge_method(self, code: str, request: Any) -> str | None:
        """How it was made."""
        return (self.store.get(CODE, code) or {}).get("code_challenge_method")

    def get_authorization_code_scopes(self, client_id: str, code: str, redirect_uri: str, request: Any) -> list[str]:
        """The code's scopes: they choose the kind of grant, before anybody has said whose code it is."""
        return list((self.store.get(CODE, code) or {}).get("scopes", []))

    def get_authorization_code_nonce(self, client_id: str, code: str, redirect_uri: str, request: Any) -> str | None:
        """The code's nonce."""
        return (self._code(client_id, code) or {}).get("nonce")

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *a: Any, **kw: Any) -> None:
        """A code is good once."""
        self.store.delete(CODE, code)

    # --- tokens

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        """Keep the access token; without offline_access there is no refresh token (since 2024.2)."""
        token.pop("refresh_token", None)
        lasts = seconds(request.client.provider.get("access_token_validity", "minutes=5"))
        token["expires_in"] = lasts
        row = {"username": request.user.username, "scopes": list(request.scopes), "client_id": request.client.client_id}
        self.store.add(TOKEN, token["access_token"], {**row, "expires": self.now() + lasts})

    def save_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        """The only kind that there is."""
        self.save_bearer_token(token, request)

    def validate_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        """Whether the access token is still good."""
        row = self.store.get(TOKEN, token or "")
        if row is None or row["expires"] <= self.now():
            return False
        request.client, request.user, request.scopes = self.providers.by_id(row["client_id"]), row, row["scopes"]
        return request.client is not None

    def validate_user_match(self, id_token_hint: Any, scopes: Any, claims: Any, request: Any) -> bool:
        """No hints are taken."""
        return True

    def get_userinfo_claims(self, request: Any) -> dict[str, Any]:
        """What the token's scopes say of its person."""
        person = self.people.find(request.user["username"])
        if person is None:
            return {}
        return {"sub": self.subject(person.pk), **claims_of(person, set(request.scopes))}

    def subject(self, pk: int) -> str:
        """The hashed user id."""
        return sha256(f"{pk}-{self.salt}".encode()).hexdigest()

    def finalize_id_token(self, id_token: dict[str, Any], token: Any, token_handler: Any, request: Any) -> str:
        """Sign the claims that oauthlib has begun (aud, iat, at_hash, nonce)."""
        grant: Grant = request.user
        person = self.people.find(grant.username)
        assert person is not None  # noqa: S101 - the code was made for somebody
        lasts = seconds(request.client.provider.get("access_token_validity", "minutes=5"))
        claims = {
            **id_token,
            "iat": int(self.now()),
            "iss": f"{grant.issuer_base}/application/o/{request.client.slug}/",
            "sub": self.subject(person.pk),
            "exp": int(self.now()) + lasts,
            "auth_time": grant.auth_time,
            "acr": ACR,
            "amr": list(grant.amr),
            "sid": sha256(grant.session.encode()).hexdigest(),
            **claims_of(person, set(request.scopes)),
        }
        return self.key.sign(claims)


def _credentials(request: Any) -> tuple[str, str]:
    """Client id and secret: HTTP Basic, or the body's fields."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return unquote_plus(client_id), unquote_plus(secret)
    return request.client_id or "", request.client_secret or ""


def new_server(validator: Validator) -> Server:
    """oauthlib's provider, with opaque access tokens."""
    return Server(validator, token_generator=lambda request, refresh_token=False: secrets.token_urlsafe(48))


def discovery(base: str, client: Client) -> dict[str, Any]:
    """The discovery document: endpoints shared by all, an issuer of each client's own."""
    root = f"{base}/application/o"
    return {
        "issuer": f"{root}/{client.slug}/",
        "authorization_endpoint": f"{root}/authorize/",
        "token_endpoint": f"{root}/token/",
        "userinfo_endpoint": f"{root}/userinfo/",
        "end_session_endpoint": f"{root}/{client.slug}/end-session/",
        "jwks_uri": f"{root}/{client.slug}/jwks/",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(client.grant_types),
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "acr_values_supported": [ACR],
        "scopes_supported": ["email", "openid", "profile"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "email", "groups"],
    }


def note_authorized(events: Events, client: Client, username: str, client_ip: str) -> None:
    """Put a sign-in to an application into the audit log."""
    events.add("authorize_application", username, client_ip, application=client.slug)
