"""Infisical's API (facts/apis.md, 1): logging in, reading and writing secrets.

    with Infisical(Endpoint("https://secrets.example.org")) as infisical:
        infisical.login(client_id, client_secret)       # or infisical.token = "st.…"
        values = infisical.secrets(Scope(project_id, "prod", "/"))
        infisical.upsert(Scope(project_id, "prod", "/"), {"NAME": "value"})

Every call raises estate.clients.errors.ApiError. Provisioning: estate/clients/infisical_admin.py.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    TokenExpiredError,
    UnauthorisedError,
)
from estate.clients.http import Endpoint, Json, Policy, Session, message_of, moment
from estate.secrets.redact import redact

_SERVICE_TOKEN = re.compile(r"^st\.")


@dataclass(frozen=True)
class Scope:
    """A folder of an environment of a project; `project` is its id, `environment` the slug."""

    project: str
    environment: str
    path: str = "/"

    def __str__(self) -> str:
        return f"infisical/{self.environment}{self.path}".rstrip("/")


@dataclass(frozen=True)
class ServiceToken:
    """What a legacy service token says of itself."""

    project: str
    scopes: tuple[tuple[str, str], ...]
    expires: datetime | None

    def reads(self, scope: Scope) -> bool:
        """Whether it is for this folder; a scope's path may be a pattern (`/**`)."""
        return any(
            environment == scope.environment and (fnmatch(scope.path, path) or fnmatch(f"{scope.path}/", path))
            for environment, path in self.scopes
        )


def translate(where: str, status: int, body: Json) -> ApiError:
    """The error of a 4xx answer; a 403 is told apart by its `error` (facts/apis.md, 1.1)."""
    message, kind = message_of(body), str(body.get("error", ""))
    shown = f"{message or kind or 'no message'} ({status})"
    if status == 401:
        return UnauthorisedError(where, shown)
    if status == 403:
        expired = kind == "TokenError" or "expired" in message.lower()
        return TokenExpiredError(where, shown) if expired else ForbiddenError(where, shown)
    return NotFoundError(where, shown) if status == 404 else RejectedError(where, shown)


def _is_missing_route(error: NotFoundError) -> bool:
    return error.text.startswith("Route ")


class Infisical:
    """A session with one Infisical server."""

    def __init__(
        self,
        endpoint: Endpoint,
        token: str = "",
        *,
        policy: Policy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.session = Session("infisical", endpoint, translate, policy or Policy(), transport)
        if sleep is not None:
            self.session.sleep = sleep
        self.token = token

    def __enter__(self) -> "Infisical":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    @property
    def token(self) -> str:
        """The bearer token in use; of a service token the server wants the first three parts."""
        return self.session.token

    @token.setter
    def token(self, value: str) -> None:
        if value:
            redact.learn([value])
        self.session.token = ".".join(value.split(".")[:3]) if _SERVICE_TOKEN.match(value) else value

    def login(self, client_id: str, client_secret: str) -> int:
        """Log a machine identity in (universal auth); returns the token's lifetime in seconds.

        Never repeated after a 401: three failures lock the identity for five minutes.
        """
        redact.learn([client_secret])
        body = {"clientId": client_id, "clientSecret": client_secret}
        answer = self.call("POST", "/api/v1/auth/universal-auth/login", where="infisical/login", body=body)
        token = answer.get("accessToken")
        if not isinstance(token, str) or not token:
            raise BadAnswerError("infisical/login", "the answer holds no access token")
        self.token = token
        lifetime = answer.get("expiresIn")
        return int(lifetime) if isinstance(lifetime, int | float) else 0

    def call(
        self, method: str, path: str, *, where: str = "", params: Json | None = None, body: Json | None = None
    ) -> Json:
        """One API call."""
        return self.session.request(method, path, where=where, params=params, body=body)

    def service_token(self) -> ServiceToken:
        """What the legacy service token in use is for, and until when. Raises BadAnswerError."""
        where = "infisical/service-token"
        answer = self.call("GET", "/api/v2/service-token", where=where)
        project, scopes = answer.get("workspace"), answer.get("scopes", [])
        if not isinstance(project, str) or not isinstance(scopes, list) or not all(isinstance(s, dict) for s in scopes):
            raise BadAnswerError(where, "the answer is not that of a service token")
        pairs = tuple((str(s.get("environment", "")), str(s.get("secretPath", "/"))) for s in scopes)
        return ServiceToken(project, pairs, moment(where, answer.get("expiresAt")))

    def secrets(self, scope: Scope) -> dict[str, str]:
        """Every value of a folder by name: its imports, the later above the earlier, and its own above all.

        Raises BadAnswerError when values are hidden, or are of another folder than was asked for.
        """
        answer = self._list(scope)
        values: dict[str, str] = {}
        imports = answer.get("imports") or []
        if not isinstance(imports, list) or not all(isinstance(group, dict) for group in imports):
            raise BadAnswerError(str(scope), "the answer holds something that is not a list of imports")
        for group in imports:
            values |= self._values(scope, group.get("secrets"), own=False)
        return values | self._values(scope, answer.get("secrets"), own=True)

    def upsert(self, scope: Scope, values: Mapping[str, str]) -> None:
        """Make these values exist, others are left alone. Raises ForbiddenError when they wait for an approval."""
        if not values:
            return
        redact.learn(values.values())
        secrets = [{"secretKey": name, "secretValue": value} for name, value in sorted(values.items())]
        answer = self._write("PATCH", scope, {"mode": "upsert", "secrets": secrets})
        if "approval" in answer or "secrets" not in answer:
            raise ForbiddenError(str(scope), "the change waits for an approval", "approve it in Infisical, then go on")

    def delete(self, scope: Scope, names: Iterable[str]) -> None:
        """Remove secrets; one that is not there is no fault."""
        for name in sorted(names):
            body = {"projectId": scope.project, "environment": scope.environment, "secretPath": scope.path}
            try:
                self.call("DELETE", f"/api/v4/secrets/{quote(name, safe='')}", where=f"{scope}/{name}", body=body)
            except NotFoundError as error:
                if _is_missing_route(error):
                    body["workspaceId"] = body.pop("projectId")
                    self.call(
                        "DELETE", f"/api/v3/secrets/raw/{quote(name, safe='')}", where=f"{scope}/{name}", body=body
                    )
                elif "ecret" not in error.text:
                    raise

    def _list(self, scope: Scope) -> Json:
        # Defaults differ between versions, and one parameter has two spellings: all are given
        params = {
            **{"environment": scope.environment, "secretPath": scope.path, "recursive": "false"},
            **{"include_imports": "true", "includeImports": "true", "expandSecretReferences": "true"},
            "viewSecretValue": "true",
        }
        try:
            return self.call("GET", "/api/v4/secrets", where=str(scope), params={"projectId": scope.project, **params})
        except NotFoundError as error:
            if not _is_missing_route(error):
                raise
        older = {"workspaceId": scope.project, **params}
        return self.call("GET", "/api/v3/secrets/raw", where=str(scope), params=older)

    def _write(self, method: str, scope: Scope, body: Json) -> Json:
        where = {"environment": scope.environment, "secretPath": scope.path}
        try:
            full = {"projectId": scope.project, **where, **body}
            return self.call(method, "/api/v4/secrets/batch", where=str(scope), body=full)
        except NotFoundError as error:
            if not _is_missing_route(error):
                raise
        older = {"workspaceId": scope.project, **where, **body}
        return self.call(method, "/api/v3/secrets/batch/raw", where=str(scope), body=older)

    def _values(self, scope: Scope, rows: Any, *, own: bool) -> dict[str, str]:
        if not isinstance(rows, list):
            raise BadAnswerError(str(scope), "the answer holds no list of secrets")
        values = {}
        for row in rows:
            if not isinstance(row, dict) or not isinstance(row.get("secretKey"), str):
                raise BadAnswerError(str(scope), "the answer holds something that is not a secret")
            if row.get("type", "shared") != "shared":
                continue
            name, value = row["secretKey"], row.get("secretValue")
            if row.get("secretValueHidden") or not isinstance(value, str):
                remedy = "let the identity read values"
                raise BadAnswerError(f"{scope}/{name}", "the server hides the value", remedy)
            if own:
                self._same_scope(scope, row)
            values[name] = value
        redact.learn(values.values())
        return values

    @staticmethod
    def _same_scope(scope: Scope, row: Json) -> None:
        """A service token with one scope silently gets that instead of what was asked (facts/apis.md, 1.1)."""
        environment, path = row.get("environment", scope.environment), row.get("secretPath", scope.path)
        if (environment, path) != (scope.environment, scope.path):
            remedy = "use a token of this environment and path"
            raise BadAnswerError(str(scope), f"the server answered with {environment}:{path} instead", remedy)
