"""Provisioning of Infisical (facts/apis.md, 1.3): none of its calls is idempotent, so each looks first."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from estate.clients.errors import BadAnswerError, NotFoundError, RejectedError, UnauthorisedError
from estate.clients.http import Json
from estate.clients.infisical import Infisical

_PAGE = 100


@dataclass(frozen=True)
class Bootstrapped:
    """The first admin's organization and token."""

    organization: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class ClientSecret:
    """A machine identity's client secret; its text is shown once."""

    id: str
    text: str = field(repr=False)


def _member(answer: Json, *keys: str, where: str) -> str:
    found: object = answer
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, str) or not found:
        raise BadAnswerError(where, f"the answer holds no {'.'.join(keys)}")
    return found


class Admin:
    """Calls that an instance's or organization's admin makes."""

    def __init__(self, infisical: Infisical) -> None:
        self.infisical = infisical

    def bootstrap(self, email: str, password: str, organization: str) -> Bootstrapped | None:
        """Make the first admin; None when the instance has one already."""
        where = "infisical/bootstrap"
        body = {"email": email, "password": password, "organization": organization}
        try:
            answer = self.infisical.call("POST", "/api/v1/admin/bootstrap", where=where, body=body)
        except RejectedError as error:
            if "already" in error.text:
                return None
            raise
        token = _member(answer, "identity", "credentials", "token", where=where)
        self.infisical.token = token
        return Bootstrapped(_member(answer, "organization", "id", where=where), token)

    def sign_in(self, email: str, password: str, organization: str) -> Bootstrapped | None:
        """Sign in as the admin whom `bootstrap` made; None when the password is another.

        A token without an organization is refused everywhere, so one is chosen: that of the name, or the only
        one. (POST /api/v3/auth/login and select-organization, as public clients of Infisical use them.)
        """
        where = "infisical/sign-in"
        body = {"email": email, "password": password}
        try:
            answer = self.infisical.call("POST", "/api/v3/auth/login", where=where, body=body)
        except (RejectedError, UnauthorisedError):
            return None
        self.infisical.token = _member(answer, "accessToken", where=where)
        listed = self.infisical.call("GET", "/api/v1/organization", where=where).get("organizations") or []
        ids = [row.get("id") for row in listed if row.get("name") == organization or len(listed) == 1]
        if not ids:
            return None
        body = {"organizationId": ids[0]}
        token = _member(
            self.infisical.call("POST", "/api/v3/auth/select-organization", body=body), "token", where=where
        )
        self.infisical.token = token
        return Bootstrapped(str(ids[0]), token)

    def project(self, name: str, slug: str) -> str:
        """The id of the project with this slug, which is made when it is missing."""
        answer = self.infisical.call("GET", "/api/v1/projects", where="infisical/projects")
        for row in answer.get("projects") or answer.get("workspaces") or []:
            if row.get("slug") == slug:
                return str(row["id"])
        body = {"projectName": name, "slug": slug, "type": "secret-manager", "template": "default"}
        made = self.infisical.call("POST", "/api/v1/projects", where="infisical/projects", body=body)
        return _member(made, "project", "id", where="infisical/projects")

    def environment(self, project: str, slug: str) -> None:
        """Make the project's environment, unless it is there."""
        where = f"infisical/environments/{slug}"
        answer = self.infisical.call("GET", f"/api/v1/projects/{project}", where=where)
        found = answer.get("project") or answer.get("workspace") or {}
        if any(row.get("slug") == slug for row in found.get("environments", [])):
            return
        body = {"name": slug.capitalize(), "slug": slug}
        self.infisical.call("POST", f"/api/v1/projects/{project}/environments", where=where, body=body)

    def folder(self, project: str, environment: str, path: str) -> None:
        """Make a folder and its parents, unless they are there."""
        parent = "/"
        for name in [part for part in path.split("/") if part]:
            params = {"projectId": project, "workspaceId": project, "environment": environment, "path": parent}
            answer = self.infisical.call("GET", "/api/v1/folders", where=f"infisical{path}", params=params)
            if not any(row.get("name") == name for row in answer.get("folders", [])):
                body = {**params, "name": name}
                self.infisical.call("POST", "/api/v1/folders", where=f"infisical{path}", body=body)
            parent = f"{parent.rstrip('/')}/{name}"

    def identities(self, organization: str) -> Iterator[Json]:
        """Every machine identity of an organization: `id` and `name`."""
        offset = 0
        while True:
            params = {"orgId": organization, "offset": offset, "limit": _PAGE}
            answer = self.infisical.call("GET", "/api/v1/identities", where="infisical/identities", params=params)
            rows = answer.get("identities", [])
            for row in rows:
                yield row.get("identity", row)
            offset += len(rows)
            if len(rows) < _PAGE or offset >= int(answer.get("totalCount", offset)):
                return

    def identity(self, organization: str, name: str, role: str) -> str:
        """The id of a machine identity, which is made when it is missing.

        + role: in the organization: "no-access", "member" or "admin"
        """
        for row in self.identities(organization):
            if row.get("name") == name:
                return str(row["id"])
        body = {"name": name, "organizationId": organization, "role": role}
        made = self.infisical.call("POST", "/api/v1/identities", where="infisical/identities", body=body)
        return _member(made, "identity", "id", where="infisical/identities")

    def universal_auth(self, identity: str, token_ttl: int) -> str:
        """The identity's client id; universal auth is enabled when it is not.

        + token_ttl: seconds that an access token lives
        """
        path, where = f"/api/v1/auth/universal-auth/identities/{identity}", "infisical/universal-auth"
        try:
            answer = self.infisical.call("GET", path, where=where)
        except (NotFoundError, RejectedError):
            anywhere = [{"ipAddress": "0.0.0.0/0"}, {"ipAddress": "::/0"}]
            body = {
                **{"accessTokenTTL": token_ttl, "accessTokenMaxTTL": token_ttl, "accessTokenNumUsesLimit": 0},
                **{"clientSecretTrustedIps": anywhere, "accessTokenTrustedIps": anywhere},
            }
            answer = self.infisical.call("POST", path, where=where, body=body)
        return _member(answer, "identityUniversalAuth", "clientId", where=where)

    def client_secret(self, identity: str, description: str, ttl: int = 0) -> ClientSecret:
        """A new client secret.

        + ttl: seconds until it expires; 0: never
        """
        path, where = f"/api/v1/auth/universal-auth/identities/{identity}/client-secrets", "infisical/client-secrets"
        body = {"description": description, "numUsesLimit": 0, "ttl": ttl}
        answer = self.infisical.call("POST", path, where=where, body=body)
        return ClientSecret(
            _member(answer, "clientSecretData", "id", where=where), _member(answer, "clientSecret", where=where)
        )

    def client_secrets(self, identity: str) -> list[Json]:
        """The identity's client secrets, revoked ones left out: id, description, createdAt, clientSecretTTL."""
        path = f"/api/v1/auth/universal-auth/identities/{identity}/client-secrets"
        answer = self.infisical.call("GET", path, where="infisical/client-secrets")
        rows = answer.get("clientSecretData") or []
        return [row for row in rows if not row.get("isClientSecretRevoked")]

    def revoke(self, identity: str, secret_id: str) -> None:
        """Revoke a client secret; one that is gone is no fault."""
        path = f"/api/v1/auth/universal-auth/identities/{identity}/client-secrets/{secret_id}/revoke"
        try:
            self.infisical.call("POST", path, where="infisical/client-secrets")
        except NotFoundError:
            return

    def membership(self, project: str, identity: str, role: str) -> None:
        """Give the identity a role in the project: "viewer", "member" or "admin"."""
        path, where = f"/api/v1/projects/{project}/identity-memberships/{identity}", "infisical/memberships"
        try:
            self.infisical.call("GET", path, where=where)
        except NotFoundError:
            self.infisical.call("POST", path, where=where, body={"role": role})
