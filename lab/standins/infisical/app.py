"""Infisical's HTTP API: status and bootstrap; anything outside /api is the web page, with 200."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from lab.standins.infisical import tokens
from lab.standins.infisical.settings import Settings
from lab.standins.infisical.store import Store

EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PAGE = """<!doctype html><html lang="en"><title>Infisical (lab stand-in)</title>
<h1>Infisical: lab stand-in, not the real thing</h1></html>"""


def problem(status: int, error: str, message: str | list[dict[str, Any]]) -> JSONResponse:
    """Write an error as Infisical does."""
    document = {"reqId": f"req-{secrets.token_hex(7)}", "statusCode": status, "message": message, "error": error}
    return JSONResponse(document, status)


def _issues(body: object) -> list[dict[str, Any]]:
    """Check a bootstrap body, in the form of zod's issues."""
    fields = body if isinstance(body, dict) else {}
    issues = [
        {"code": "invalid_type", "expected": "string", "path": [name], "message": "Required"}
        for name in ("email", "password", "organization")
        if not isinstance(fields.get(name), str)
    ]
    if not issues and "@" not in fields["email"]:
        issues.append({"code": "invalid_string", "path": ["email"], "message": "Invalid email"})
    return issues


def _admin(body: dict[str, str]) -> dict[str, Any]:
    salt = secrets.token_bytes(16)
    password = hashlib.scrypt(body["password"].encode(), salt=salt, n=2**14, r=8, p=1)
    return {
        "user": {"id": str(uuid.uuid4()), "email": body["email"], "username": body["email"]},
        "organization": {"id": str(uuid.uuid4()), "name": body["organization"]},
        "identity": {"id": str(uuid.uuid4()), "name": "Instance Admin Identity"},
        "password": {"salt": salt.hex(), "scrypt": password.hex()},
    }


class Api:
    """The routes over one store."""

    def __init__(self, settings: Settings, store: Store, ping_redis: Callable[[str], None]) -> None:
        self.settings, self.store, self._ping_redis = settings, store, ping_redis

    async def status(self, request: Request) -> Response:
        """Status: 200 with its flags while both dependencies answer."""
        try:
            await run_in_threadpool(self.store.ping)
            await run_in_threadpool(self._ping_redis, self.settings.redis)
        except Exception as fault:
            return problem(503, "ServiceUnavailable", str(fault).strip())
        date = datetime.now(timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017
        return JSONResponse(
            {
                **{"date": date.replace("+00:00", "Z"), "message": "Ok", "emailConfigured": False},
                **{"inviteOnlySignup": False, "redisConfigured": True, "secretScanningConfigured": False},
            }
        )

    async def bootstrap(self, request: Request) -> Response:
        """Make the first admin, once."""
        try:
            body = await request.json()
        except ValueError:
            body = None
        issues = _issues(body)
        if issues:
            return problem(422, "ValidationFailure", issues)
        admin = _admin(body)
        if not await run_in_threadpool(self.store.add, "admin", admin):
            return problem(400, "BadRequest", "Instance has already been set up")
        claims = {"identityId": admin["identity"]["id"], "authTokenType": "identityAccessToken"}
        token = tokens.issue(claims, self.settings.auth_secret)
        name = str(admin["organization"]["name"])
        slug = "-".join(name.lower().split())
        return JSONResponse(
            {
                "message": "Successfully bootstrapped instance",
                "user": {**admin["user"], "superAdmin": True},
                "organization": {**admin["organization"], "slug": slug},
                "identity": {**admin["identity"], "credentials": {"token": token}},
            }
        )

    async def unknown(self, request: Request) -> Response:
        """Answer for any other path of the API."""
        message = f"Route {request.method}:{request.url.path} not found"
        return JSONResponse({"message": message, "error": "Not Found", "statusCode": 404}, 404)

    async def page(self, request: Request) -> Response:
        """The web page, at any path outside /api."""
        return HTMLResponse(PAGE)


def create(settings: Settings, store: Store, ping_redis: Callable[[str], None]) -> Starlette:
    """Build the application."""
    api = Api(settings, store, ping_redis)
    return Starlette(
        routes=[
            Route("/api/status", api.status),
            Route("/api/v1/admin/bootstrap", api.bootstrap, methods=["POST"]),
            Route("/api/{path:path}", api.unknown, methods=EVERY_METHOD),
            Route("/{path:path}", api.page),
        ]
    )
