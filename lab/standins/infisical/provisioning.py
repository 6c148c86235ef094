"""Admin, projects, environments, identities, memberships (facts/apis.md, 1.3): none of it is idempotent."""

from __future__ import annotations

import secrets
from typing import Any

from lab.standins.infisical.auth import BOOTSTRAP_LIFE, access_token, hashed, scrypt
from lab.standins.infisical.call import Call, new_id, stamp
from lab.standins.infisical.problems import Problem, required
from lab.standins.infisical.store import Row

ENVIRONMENTS = (("Development", "dev"), ("Staging", "staging"), ("Production", "prod"))


def bootstrap(call: Call) -> dict[str, Any]:
    """Make the first admin, once."""
    body = call.words
    required(body, "email", "password", "organization")
    if "@" not in body["email"]:
        raise Problem(
            422, [{"code": "invalid_string", "path": ["email"], "message": "Invalid email"}], "ValidationFailure"
        )
    salt = secrets.token_bytes(16)
    admin = {
        **{"email": body["email"], "salt": salt.hex(), "scrypt": scrypt(body["password"], salt)},
        **{"organization": new_id(), "organizationName": body["organization"]},
    }
    if not call.store.add("instance", "admin", admin):
        raise Problem(400, "Instance has already been set up")
    identity = {
        "id": new_id(),
        "name": "Instance Admin Identity",
        "organization": admin["organization"],
        "role": "admin",
    }
    call.store.add("identity", identity["id"], identity)
    token = access_token(call.server, identity["id"], BOOTSTRAP_LIFE)
    name = body["organization"]
    return {
        "message": "Successfully bootstrapped instance",
        "user": {"id": new_id(), "email": body["email"], "username": body["email"], "superAdmin": True},
        "organization": {"id": admin["organization"], "name": name, "slug": "-".join(name.lower().split())},
        "identity": {"id": identity["id"], "name": identity["name"], "credentials": {"token": token}},
    }


def _admin(call: Call) -> None:
    if not call.caller.is_admin:
        raise Problem(403, "You are not allowed to manage this organization")


def _page(call: Call, rows: list[Any]) -> list[Any]:
    offset, limit = int(call.words.get("offset", 0)), int(call.words.get("limit", 100))
    return rows[offset : offset + min(limit, 100)]


def membership(call: Call, project: str) -> str:
    """The caller's role in a project; empty without one."""
    row = call.store.get("membership", f"{project}/{call.caller.row['id']}")
    return str(row["role"]) if row else ""


def get_project(call: Call, project: str) -> Row:
    """The project with this id."""
    row = call.store.get("project", project)
    if row is None:
        raise Problem(404, f"Project with ID '{project}' not found")
    return row


def projects(call: Call) -> dict[str, Any]:
    """List the caller's projects, or make one."""
    if call.method == "GET":
        rows = call.store.every("project")
        mine = [row for row in rows if membership(call, row["id"])]
        return {"projects": mine, "workspaces": mine}
    _admin(call)
    required(call.words, "projectName")
    slug = call.words.get("slug") or f"{call.words['projectName'].lower()}-{secrets.token_hex(2)}"
    if call.store.every("project", slug=slug):
        raise Problem(400, "A project with this slug already exists")
    key = new_id()
    environments = [{"id": new_id(), "name": name, "slug": short} for name, short in ENVIRONMENTS]
    row = {"id": key, "name": call.words["projectName"], "slug": slug, "environments": environments}
    call.store.add("project", key, row)
    call.store.add("membership", f"{key}/{call.caller.row['id']}", {"role": "admin"})
    return {"project": row}


def project(call: Call) -> dict[str, Any]:
    """One project with its environments."""
    row = get_project(call, call.path["project"])
    if not membership(call, row["id"]):
        raise Problem(403, "You are not a member of this project")
    return {"project": row, "workspace": row}


def environments(call: Call) -> dict[str, Any]:
    """Make an environment."""
    required(call.words, "name", "slug")
    row = project(call)["project"]
    if any(one["slug"] == call.words["slug"] for one in row["environments"]):
        raise Problem(400, "Environment with slug already exist")
    made = {"id": new_id(), "name": call.words["name"], "slug": call.words["slug"]}
    call.store.change("project", row["id"], lambda old: {**old, "environments": [*old["environments"], made]})
    return {"message": "Successfully created new environment", "environment": made}


def identities(call: Call) -> dict[str, Any]:
    """List the organization's identities, or make one."""
    _admin(call)
    if call.method == "GET":
        required(call.words, "orgId")
        rows = call.store.every("identity", organization=call.words["orgId"])
        listed = [{"identityId": row["id"], "role": row["role"], "identity": _shown(row)} for row in rows]
        return {"identities": _page(call, listed), "totalCount": len(rows)}
    required(call.words, "name", "organizationId")
    row = {
        "id": new_id(),
        "name": call.words["name"],
        "organization": call.words["organizationId"],
        "role": call.words.get("role", "no-access"),
    }
    call.store.add("identity", row["id"], row)
    return {"identity": _shown(row)}


def _shown(row: Row) -> Row:
    return {"id": row["id"], "name": row["name"], "orgId": row["organization"], "authMethods": []}


def _get_identity(call: Call) -> Row:
    row = call.store.get("identity", call.path["identity"])
    if row is None:
        raise Problem(404, f"Identity with ID {call.path['identity']} not found")
    return row


def identity(call: Call) -> dict[str, Any]:
    """One identity; or remove it."""
    _admin(call)
    row = _get_identity(call)
    if call.method == "DELETE":
        call.store.delete("identity", row["id"])
    return {"identity": {"identity": _shown(row), "role": row["role"]} if call.method == "GET" else _shown(row)}


def universal_auth(call: Call) -> dict[str, Any]:
    """The identity's universal auth: look at it, or attach it."""
    _admin(call)
    row = _get_identity(call)
    found = call.store.get("universal-auth", row["id"])
    if call.method == "GET" and found is None:
        raise Problem(400, "The identity does not have universal auth attached")
    if call.method == "POST":
        made = {
            "id": new_id(),
            "identity": row["id"],
            "identityId": row["id"],
            "clientId": new_id(),
            "accessTokenTTL": int(call.words.get("accessTokenTTL", 2592000)),
            "accessTokenMaxTTL": int(call.words.get("accessTokenMaxTTL", 2592000)),
        }
        if not call.store.add("universal-auth", row["id"], made):
            raise Problem(400, "Universal Auth has already been configured for this identity")
        found = made
    return {"identityUniversalAuth": found}


def _described(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "description": row["description"],
        "clientSecretPrefix": row["prefix"],
        "clientSecretNumUses": row["uses"],
        "clientSecretNumUsesLimit": row["limit"],
        "clientSecretTTL": row["ttl"],
        "isClientSecretRevoked": row["revoked"],
        "createdAt": stamp(row["created"]),
    }


def client_secrets(call: Call) -> dict[str, Any]:
    """List an identity's client secrets, or make one: its text is in this answer and in no other."""
    universal_auth(Call(call.server, "GET", call.path, {}, call.principal))
    if call.method == "GET":
        return {
            "clientSecretData": [
                _described(r) for r in call.store.every("client-secret", identity=call.path["identity"])
            ]
        }
    text = secrets.token_hex(32)
    row = {
        "id": new_id(),
        "identity": call.path["identity"],
        "hash": hashed(text),
        "prefix": text[:4],
        "description": call.words.get("description", ""),
        "ttl": int(call.words.get("ttl", 0)),
        "limit": int(call.words.get("numUsesLimit", 0)),
        "uses": 0,
        "revoked": False,
        "created": call.server.now(),
    }
    call.store.add("client-secret", row["id"], row)
    return {"clientSecret": text, "clientSecretData": _described(row)}


def revoke(call: Call) -> dict[str, Any]:
    """Revoke a client secret."""
    _admin(call)
    row = call.store.change("client-secret", call.path["secret"], lambda old: {**old, "revoked": True})
    if row is None or row["identity"] != call.path["identity"]:
        raise Problem(404, "Client secret not found")
    return {"clientSecretData": _described(row)}


def memberships(call: Call) -> dict[str, Any]:
    """An identity's membership of a project: look at it, make it, change it."""
    key = f"{get_project(call, call.path['project'])['id']}/{_get_identity(call)['id']}"
    if membership(call, call.path["project"]) != "admin":
        raise Problem(403, "You are not allowed to manage members of this project")
    if call.method == "POST":
        if not call.store.add("membership", key, {"role": call.words.get("role", "no-access")}):
            raise Problem(400, "Identity already exists in project")
    elif call.method == "PATCH":
        roles = call.words.get("roles") or [{"role": call.words.get("role")}]
        call.store.change("membership", key, lambda _: {"role": roles[0]["role"]})
    row = call.store.get("membership", key)
    if row is None:
        raise Problem(404, "Identity is not a member of this project")
    return {"identityMembership": {"id": key, "identityId": call.path["identity"], "roles": [{"role": row["role"]}]}}
