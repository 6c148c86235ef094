"""Infisical's HTTP API: a table of routes over plain handlers; anything outside /api is the web page, with 200."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from lab.standins.infisical import auth, folders, provisioning, secrets_api
from lab.standins.infisical.call import Call, Server
from lab.standins.infisical.faults import Faults
from lab.standins.infisical.problems import Problem
from lab.standins.infisical.settings import Settings
from lab.standins.infisical.store import Store

EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PAGE = """<!doctype html><html lang="en"><title>Infisical (lab stand-in)</title>
<h1>Infisical: lab stand-in, not the real thing</h1></html>"""

Handler = Callable[[Call], dict[str, Any]]
_UA = "/api/v1/auth/universal-auth/identities/{identity}"
OPEN: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/api/v1/admin/bootstrap", provisioning.bootstrap),
    ("POST", "/api/v1/auth/universal-auth/login", auth.login),
    ("POST", "/api/v1/auth/token/renew", auth.renew),
    ("POST", "/api/v3/auth/login", auth.user_login),
)
"""Calls without a token."""
CLOSED: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/v2/service-token", auth.introspect),
    ("GET", "/api/v1/organization", auth.organizations),
    ("POST", "/api/v3/auth/select-organization", auth.select_organization),
    ("GET POST", "/api/v1/projects", provisioning.projects),
    ("GET", "/api/v1/projects/{project}", provisioning.project),
    ("POST", "/api/v1/projects/{project}/environments", provisioning.environments),
    ("GET POST PATCH", "/api/v1/projects/{project}/identity-memberships/{identity}", provisioning.memberships),
    ("GET", "/api/v1/workspace", provisioning.projects),
    ("GET POST", "/api/v2/workspace", provisioning.projects),
    ("GET POST", "/api/v1/identities", provisioning.identities),
    ("GET DELETE", "/api/v1/identities/{identity}", provisioning.identity),
    ("GET POST", _UA, provisioning.universal_auth),
    ("GET POST", _UA + "/client-secrets", provisioning.client_secrets),
    ("POST", _UA + "/client-secrets/{secret}/revoke", provisioning.revoke),
    ("GET POST", "/api/v1/folders", folders.folders),
    ("GET POST", "/api/v2/folders", folders.folders),
    ("GET POST", "/api/v1/secret-imports", folders.imports),
    ("GET POST", "/api/v2/secret-imports", folders.imports),
    ("GET", "/api/v4/secrets", secrets_api.listing),
    ("POST PATCH DELETE", "/api/v4/secrets/batch", secrets_api.batch),
    ("GET POST PATCH DELETE", "/api/v4/secrets/{name}", secrets_api.single),
    ("GET", "/api/v3/secrets/raw", secrets_api.listing),
    ("POST PATCH DELETE", "/api/v3/secrets/batch/raw", secrets_api.batch),
    ("GET POST PATCH DELETE", "/api/v3/secrets/raw/{name}", secrets_api.single),
)
"""Calls that need a token."""


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise Problem(400, "Body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Problem(
            422,
            [{"code": "invalid_type", "expected": "object", "path": [], "message": "Required"}],
            "ValidationFailure",
        )
    return body


class Api:
    """The routes over one server."""

    def __init__(self, server: Server, ping_redis: Callable[[str], None], faults: Faults) -> None:
        self.server, self._ping_redis, self.faults = server, ping_redis, faults

    async def status(self, request: Request) -> Response:
        """Status: 200 with its flags while both dependencies answer."""
        try:
            await run_in_threadpool(self.server.store.ping)
            await run_in_threadpool(self._ping_redis, self.server.settings.redis)
        except Exception as fault:
            return Problem(503, str(fault).strip(), "ServiceUnavailable").answer()
        date = datetime.now(timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017
        return JSONResponse(
            {
                **{"date": date.replace("+00:00", "Z"), "message": "Ok", "emailConfigured": False},
                **{"inviteOnlySignup": False, "redisConfigured": True, "secretScanningConfigured": False},
            }
        )

    def route(self, methods: str, path: str, handler: Handler, *, closed: bool) -> Route:
        """A route of the API: faults first, then the caller, then the handler in a thread."""

        async def serve(request: Request) -> Response:
            try:
                words = {**request.query_params, **await _body(request)}
                header = request.headers.get("authorization", "")
                caller = await run_in_threadpool(auth.principal, self.server, header) if closed else None
                call = Call(self.server, request.method, request.path_params, words, caller)
                document = await run_in_threadpool(handler, call)
            except Problem as problem:
                return problem.answer()
            return JSONResponse(self.faults.spoil(document) if handler is secrets_api.listing else document)

        async def endpoint(request: Request) -> Response:
            return await self.faults.answer(request, serve)

        return Route(path, endpoint, methods=methods.split())

    async def unknown(self, request: Request) -> Response:
        """Answer for any other path of the API."""
        message = f"Route {request.method}:{request.url.path} not found"
        return JSONResponse({"message": message, "error": "Not Found", "statusCode": 404}, 404)

    async def page(self, request: Request) -> Response:
        """The web page, at any path outside /api."""
        return HTMLResponse(PAGE)


def create(
    settings: Settings,
    store: Store,
    ping_redis: Callable[[str], None],
    *,
    now: Callable[[], float] = time.time,
    faults: Faults | None = None,
) -> Starlette:
    """Build the application.

    + now: seconds since the epoch; tests move it
    """
    api = Api(Server(store, settings, now), ping_redis, faults or Faults())
    return Starlette(
        routes=[
            Route("/api/status", api.status),
            *(api.route(*row, closed=False) for row in OPEN),
            *(api.route(*row, closed=True) for row in CLOSED),
            Route("/api/{path:path}", api.unknown, methods=EVERY_METHOD),
            Route("/{path:path}", api.page),
        ]
    )
