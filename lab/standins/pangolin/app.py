"""Pangolin's APIs: for the dashboard (3000), for Traefik and Gerbil (3001), and the pages (3002)."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins.pangolin import VERSION
from lab.standins.pangolin.blueprint import BlueprintError, parse
from lab.standins.pangolin.plan import address, traefik, ways
from lab.standins.pangolin.settings import Settings
from lab.standins.pangolin.store import Store

COOKIE = "p_session_token"
_PASSWORD = re.compile(r"^(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9])(?=.*[^A-Za-z0-9\s]).{8,}$")


def good(data: Any, status: int = 200) -> JSONResponse:
    """Wrap an answer as Pangolin does."""
    return JSONResponse({"data": data, "success": True, "error": False, "message": "", "status": status}, status)


def bad(status: int, message: str) -> JSONResponse:
    """Wrap a refusal."""
    body = {"data": None, "success": False, "error": True, "message": message, "status": status}
    return JSONResponse(body, status)


Work = Callable[[Request, dict[str, Any]], Response]


class External:
    """The dashboard's API, and what Newt asks it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings

    def guarded(self, work: Work, *, session: bool = True) -> Callable[[Request], Any]:
        """Check the CSRF header and the session, read the body, and work in a thread."""

        async def handle(request: Request) -> Response:
            if request.method != "GET" and request.headers.get("x-csrf-token") != "x-csrf-protection":
                return bad(403, "CSRF token missing or invalid")
            if session and request.cookies.get(COOKIE) not in self.store.sessions:
                return bad(401, "User not authenticated")
            try:
                body = await request.json() if request.method != "GET" else {}
            except ValueError:
                return bad(400, "Invalid request body")
            return await run_in_threadpool(work, request, body)

        return handle

    def complete(self, request: Request, body: dict[str, Any]) -> Response:
        """Whether somebody has set it up."""
        return good({"complete": self.store.complete})

    def admin(self, request: Request, body: dict[str, Any]) -> Response:
        """Make the first admin, for the setup token."""
        if self.store.complete:
            return bad(403, "Server admin already exists")
        if not self.settings.setup_token or body.get("setupToken") != self.settings.setup_token:
            return bad(400, "Invalid or expired setup token")
        if not _PASSWORD.match(str(body.get("password", ""))):
            return bad(400, "Validation error: password must contain upper case, lower case, a digit and a special one")
        self.store.make_admin(str(body.get("email", "")), body["password"])
        return good({})

    def login(self, request: Request, body: dict[str, Any]) -> Response:
        """Give a session."""
        session = self.store.log_in(str(body.get("email", "")), str(body.get("password", "")))
        if not session:
            return bad(401, "Username or password is incorrect")
        answer = good({"codeRequested": False})
        answer.set_cookie(COOKIE, session, httponly=True, secure=True, samesite="lax")
        return answer

    def orgs(self, request: Request, body: dict[str, Any]) -> Response:
        """List organizations."""
        return good({"orgs": [{"orgId": name, "name": name} for name in self.store.orgs()]})

    def make_org(self, request: Request, body: dict[str, Any]) -> Response:
        """Make one."""
        if not all(body.get(key) for key in ("orgId", "name", "subnet", "utilitySubnet")):
            return bad(400, "Validation error: orgId, name, subnet and utilitySubnet are required")
        try:
            self.store.make_org(body["orgId"])
        except sqlite3.IntegrityError:
            return bad(409, "Organization with this ID already exists")
        return good({"orgId": body["orgId"]}, 201)

    def sites(self, request: Request, body: dict[str, Any]) -> Response:
        """List sites."""
        return good({"sites": self.store.sites(request.path_params["org"])})

    def defaults(self, request: Request, body: dict[str, Any]) -> Response:
        """Suggest an address."""
        return good({"clientAddress": "100.90.128.2"})

    def make_site(self, request: Request, body: dict[str, Any]) -> Response:
        """Make one."""
        if body.get("type") != "newt" or not all(body.get(key) for key in ("name", "newtId", "secret")):
            return bad(400, "Validation error: name, newtId and secret are required")
        org = request.path_params["org"]
        try:
            self.store.make_site(org, body.get("niceId") or body["name"], body["newtId"], body["secret"])
        except sqlite3.IntegrityError:
            return bad(409, "Site already exists")
        return good({}, 201)

    def newt_token(self, request: Request, body: dict[str, Any]) -> Response:
        """Log a site's client in."""
        token = self.store.newt(str(body.get("newtId", "")), str(body.get("secret", "")))
        return good({"token": token}) if token else bad(401, "Secret is incorrect")

    def tunnel(self, request: Request, body: dict[str, Any]) -> Response:
        """In the place of Newt's WebSocket: take its blueprint, say where the tunnel is and what goes through it."""
        site = self.store.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if site is None:
            return bad(401, "Invalid token")
        text = str(body.get("blueprint", ""))
        try:
            parse(text, self.settings)
        except BlueprintError as fault:
            return bad(400, f"Blueprint: {fault}")
        self.store.put_blueprint(site, text)
        self.store.seen[site] = time.monotonic()
        found = [way for way in ways(self.store.blueprints(), self.settings) if way.site == site]
        return good(
            {
                **{"endpoint": self.settings.endpoint, "port": self.settings.port},
                **{"certificate": self.store.certificate(), "ticket": self.store.ticket(site)},
                "targets": [
                    {"port": w.port, "protocol": w.protocol, "to": w.target.hostname, "toPort": w.target.port}
                    for w in found
                ],
            }
        )

    def app(self) -> Starlette:
        """Build the application."""
        free = {"session": False}
        return Starlette(
            routes=[
                Route("/api/v1/auth/initial-setup-complete", self.guarded(self.complete, **free)),
                Route("/api/v1/auth/set-server-admin", self.guarded(self.admin, **free), methods=["PUT"]),
                Route("/api/v1/auth/login", self.guarded(self.login, **free), methods=["POST"]),
                Route("/api/v1/auth/newt/get-token", self.guarded(self.newt_token, **free), methods=["POST"]),
                Route("/api/v1/estate-lab/newt", self.guarded(self.tunnel, **free), methods=["POST"]),
                Route("/api/v1/orgs", self.guarded(self.orgs)),
                Route("/api/v1/org", self.guarded(self.make_org), methods=["PUT"]),
                Route("/api/v1/org/{org}/sites", self.guarded(self.sites)),
                Route("/api/v1/org/{org}/pick-site-defaults", self.guarded(self.defaults)),
                Route("/api/v1/org/{org}/site", self.guarded(self.make_site), methods=["PUT"]),
            ]
        )


def internal(store: Store, settings: Settings) -> Starlette:
    """Build what Traefik and Gerbil ask; it is not published."""

    def health(request: Request) -> Response:
        return good({"message": "Healthy", "version": VERSION})

    def traefik_config(request: Request) -> Response:
        return JSONResponse(traefik(ways(store.blueprints(), settings), settings))

    async def gerbil(request: Request) -> Response:
        store.put_certificate(str((await request.json()).get("publicKey", "")))
        found = ways(store.blueprints(), settings)
        sites = [
            {
                **{"site": site, "ticket": store.ticket(site), "address": address(site)},
                "targets": [{"port": w.port, "protocol": w.protocol} for w in found if w.site == site],
            }
            for site in store.blueprints()
        ]
        return JSONResponse({"listenPort": settings.port, "ipAddress": "100.89.137.1/24", "standIn": sites})

    return Starlette(
        routes=[
            Route("/api/v1/", health),
            Route("/api/v1/traefik-config", traefik_config),
            Route("/api/v1/gerbil/get-config", gerbil, methods=["POST"]),
        ]
    )


def pages() -> Starlette:
    """Build the dashboard's one page."""

    def page(request: Request) -> Response:
        return PlainTextResponse("Pangolin (estate lab stand-in): no dashboard here\n")

    return Starlette(routes=[Route("/{path:path}", page)])
