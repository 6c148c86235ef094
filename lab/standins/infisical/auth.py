"""Who is calling: universal auth with its lock-out, access tokens, legacy service tokens (facts/apis.md, 1.1)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from lab.standins.infisical import tokens
from lab.standins.infisical.call import Call, Principal, Server, new_id, stamp
from lab.standins.infisical.problems import Problem, required
from lab.standins.infisical.store import Row

LOCK_AFTER, LOCK_FOR, FORGET_AFTER = 3, 300, 30
"""Failed logins, and seconds."""
BOOTSTRAP_LIFE = 30 * 86400
"""Seconds that the first admin's token lives (identity tokens without `exp` are refused: seed-features.md)."""


def hashed(text: str) -> str:
    """How secrets of clients are kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def scrypt(password: str, salt: bytes) -> str:
    """How a user's password is kept."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1).hex()


def access_token(server: Server, identity: str, seconds: float) -> str:
    """A signed access token of an identity."""
    now = server.now()
    claims = {"identityId": identity, "authTokenType": "identityAccessToken", "iat": now, "exp": now + seconds}
    return tokens.issue(claims, server.settings.auth_secret)


def _locked(server: Server, client: str) -> bool:
    times = server.failures.get(client, [])
    return len(times) >= LOCK_AFTER and server.now() - times[-1] < LOCK_FOR


def _failed(server: Server, client: str) -> None:
    recent = [time for time in server.failures.get(client, []) if server.now() - time < FORGET_AFTER]
    server.failures[client] = [*recent, server.now()]


def _usable(server: Server, row: Row) -> bool:
    ends = row["created"] + row["ttl"] if row["ttl"] else None
    spent = row["limit"] and row["uses"] >= row["limit"]
    return not row["revoked"] and not spent and (ends is None or server.now() < ends)


def login(call: Call) -> dict[str, Any]:
    """Universal auth: client id and secret against an access token."""
    required(call.words, "clientId", "clientSecret")
    server, client = call.server, str(call.words["clientId"])
    found = call.store.every("universal-auth", clientId=client)
    if found and _locked(server, client):
        raise Problem(401, "This identity auth method is temporarily locked, please try again later")
    given = hashed(str(call.words["clientSecret"]))
    rows = call.store.every("client-secret", identity=found[0]["identity"]) if found else []
    match = next((row for row in rows if hmac.compare_digest(row["hash"], given) and _usable(server, row)), None)
    if match is None:
        _failed(server, client)
        raise Problem(401, "Invalid credentials")
    server.failures.pop(client, None)
    call.store.change("client-secret", match["id"], lambda row: {**row, "uses": row["uses"] + 1})
    ttl = found[0]["accessTokenTTL"]
    return {
        "accessToken": access_token(server, found[0]["identity"], ttl),
        "expiresIn": ttl,
        "accessTokenMaxTTL": found[0]["accessTokenMaxTTL"],
        "tokenType": "Bearer",
    }


def renew(call: Call) -> dict[str, Any]:
    """A new access token for one that is still good."""
    required(call.words, "accessToken")
    principal = _identity(call.server, str(call.words["accessToken"]))
    found = call.store.every("universal-auth", identity=principal.row["id"])
    ttl = found[0]["accessTokenTTL"] if found else BOOTSTRAP_LIFE
    token = access_token(call.server, principal.row["id"], ttl)
    return {"accessToken": token, "expiresIn": ttl, "accessTokenMaxTTL": ttl, "tokenType": "Bearer"}


def user_login(call: Call) -> dict[str, Any]:
    """A user's password against a token, which is for no organization yet."""
    required(call.words, "email", "password")
    admin = call.store.get("instance", "admin")
    given = scrypt(str(call.words["password"]), bytes.fromhex(admin["salt"])) if admin else ""
    if admin is None or admin["email"] != call.words["email"] or not hmac.compare_digest(given, admin["scrypt"]):
        raise Problem(400, "Invalid credentials")
    return {"accessToken": _user_token(call.server, "")}


def _user_token(server: Server, organization: str) -> str:
    claims = {"authTokenType": "accessToken", "userId": "admin", "exp": server.now() + 86400}
    return tokens.issue(
        claims | ({"organizationId": organization} if organization else {}), server.settings.auth_secret
    )


def _user(call: Call) -> Row:
    if call.caller.kind != "user":
        raise Problem(403, "Only a user can ask this")
    return call.store.get("instance", "admin") or {}


def organizations(call: Call) -> dict[str, Any]:
    """The user's organizations."""
    admin = _user(call)
    return {"organizations": [{"id": admin["organization"], "name": admin["organizationName"]}]}


def select_organization(call: Call) -> dict[str, Any]:
    """A token for one organization."""
    if call.words.get("organizationId") != _user(call)["organization"]:
        raise Problem(403, "You are not a member of this organization")
    return {"token": _user_token(call.server, call.words["organizationId"]), "isMfaEnabled": False}


def _identity(server: Server, token: str) -> Principal:
    claims = tokens.claims(token, server.settings.auth_secret)
    if claims is None or not isinstance(claims.get("exp"), int | float):
        raise Problem(403, "Invalid token", "TokenError")
    if claims["exp"] <= server.now():
        raise Problem(403, "Your token has expired. Please re-authenticate.", "TokenError")
    if "userId" in claims:
        return Principal("user", {"id": claims["userId"], "role": "admin" if claims.get("organizationId") else ""})
    row = server.store.get("identity", str(claims.get("identityId")))
    if row is None:
        raise Problem(403, "Invalid token", "TokenError")
    return Principal("identity", row)


def _service_token(server: Server, token: str) -> Principal:
    parts = token.split(".")
    row = server.store.get("service-token", parts[1]) if len(parts) >= 3 else None
    if row is None:
        raise Problem(404, "Service token not found")
    if row["expires"] and row["expires"] <= server.now():
        server.store.delete("service-token", row["id"])
        raise Problem(403, "Service token has expired", "ForbiddenError")
    if not hmac.compare_digest(row["hash"], hashed(parts[2])):
        raise Problem(401, "Invalid service token")
    return Principal("service-token", row)


def principal(server: Server, header: str) -> Principal:
    """The caller that an Authorization header names."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(401, "Token missing")
    return _service_token(server, token) if token.startswith("st.") else _identity(server, token)


def introspect(call: Call) -> dict[str, Any]:
    """What a service token says of itself."""
    if call.caller.kind != "service-token":
        raise Problem(401, "Only a service token can ask this")
    row = call.caller.row
    return {
        "id": row["id"],
        "name": row["name"],
        "workspace": row["project"],
        "projectId": row["project"],
        "scopes": row["scopes"],
        "permissions": row["permissions"],
        "expiresAt": stamp(row["expires"]) if row["expires"] else None,
    }


def new_service_token(server: Server, project: str, scopes: list[dict[str, str]], write: bool, seconds: float) -> str:
    """Make a legacy service token.

    The real server does so for a person in its web pages only, so the API has no call for it: the lab
    makes one with `infisical-server service-token`.
    """
    secret, key = secrets.token_hex(16), new_id()
    row = {
        "id": key,
        "name": "lab",
        "hash": hashed(secret),
        "project": project,
        "scopes": scopes,
        "permissions": ["read", "write"] if write else ["read"],
        "expires": server.now() + seconds if seconds else None,
    }
    server.store.add("service-token", key, row)
    return f"st.{key}.{secret}.{secrets.token_hex(16)}"
