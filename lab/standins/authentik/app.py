"""Authentik's paths: flows, OpenID Connect, guarded sites, health, and the few of its API that the estate uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from oauthlib.oauth2.rfc6749.errors import FatalClientError, OAuth2Error
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from lab.standins.authentik import SOFTWARE, oidc, pages
from lab.standins.authentik.api import Api
from lab.standins.authentik.blueprints import OBJECT, install
from lab.standins.authentik.events import Events
from lab.standins.authentik.flows import Flow
from lab.standins.authentik.keys import SigningKey
from lab.standins.authentik.outpost import COOKIE as PROXY_COOKIE
from lab.standins.authentik.outpost import Outpost
from lab.standins.authentik.people import BUILT_IN_ADMINS, People, Totp, WebAuthn
from lab.standins.authentik.providers import Client, Providers
from lab.standins.authentik.settings import Settings
from lab.standins.authentik.stages import Tools
from lab.standins.authentik.visit import Visit, body_of
from lab.standins.common import process_metrics, sample
from lab.standins.rows import Row, Store

COOKIE = "authentik_session"
API_TOKEN = "api-token"  # noqa: S105 - a kind of row
BRAND = "authentik_brands.brand"


class Authentik:
    """The server over its database."""

    def __init__(self, settings: Settings, store: Store, now: Callable[[], float] = time.time) -> None:
        self.settings, self.store, self.now = settings, store, now
        install(store)
        self.people, self.events, self.providers = People(store), Events(store, now), Providers(store)
        self.key, self.outpost = SigningKey(store), Outpost(store, now)
        validator = oidc.Validator(store, self.providers, self.people, self.key, settings.secret_key, now)
        self.oidc = oidc.new_server(validator)
        bootstrap(settings, store)

    # --- helpers

    def visit(self, request: Request, cookie: str = COOKIE) -> Visit:
        """The request with its session."""
        return Visit.of(request, self.store, self.settings, self.now, cookie)

    def _tools(self, visit: Visit) -> Tools:
        webauthn = WebAuthn(self.store, visit.host.partition(":")[0])
        return Tools(self.people, Totp(self.store), webauthn, self.events, visit.client_ip, self.now)

    def _login_flow(self) -> str:
        brand = next(iter(self.store.every(OBJECT, model=BRAND, domain="authentik-default")), {})
        return str((self.store.get(OBJECT, brand.get("flow_authentication", "")) or {}).get("slug", ""))

    def _finish(self, visit: Visit, following: str) -> Callable[[Row], str]:
        """Where a flow that has ended leads to: back to the application, or to what was asked for before the login."""

        def finish(session: Row) -> str:
            if session["flow"] == self._login_flow():
                visit.renew()
                # Only to a path of our own: anything else would be an open redirect
                return following if following.startswith("/") and not following.startswith("//") else "/if/user/"
            return self._code(visit, session.pop("authorize", ""))

        return finish

    def _code(self, visit: Visit, query: str) -> str:
        uri = f"https://{visit.host}/application/o/authorize/?{query}"
        session = visit.session
        grant = oidc.Grant(
            session["user"], session["auth_time"], tuple(session.get("methods", ())), visit.key, visit.base
        )
        scopes = parse_qs(query).get("scope", [""])[0].split()
        headers, _, _ = self.oidc.create_authorization_response(uri, "GET", None, {}, scopes, {"user": grant})
        client = self.providers.by_id(parse_qs(query)["client_id"][0])
        assert client is not None  # noqa: S101 - the request was valid
        oidc.note_authorized(self.events, client, session["user"], visit.client_ip)
        return str(headers["Location"])

    # --- flows

    def _flow(self, visit: Visit, slug: str, following: str) -> Flow:
        return Flow.of(self.store, self._tools(visit), visit.session, slug, self._finish(visit, following))

    def _may_run(self, visit: Visit, slug: str) -> bool:
        """An authorization flow runs for the request that began it only; the login flow at any time."""
        return slug == self._login_flow() or (visit.session.get("flow") == slug and bool(visit.session.get("user")))

    async def executor(self, request: Request) -> Response:
        """The flow executor's API."""
        visit, slug = self.visit(request), request.path_params["slug"]
        if not self._may_run(visit, slug):
            return JSONResponse({"detail": "Not found."}, 404)
        query = parse_qs(request.query_params.get("query", ""))
        flow = self._flow(visit, slug, query.get("next", ["/"])[0])
        data = await body_of(request) if request.method == "POST" else None
        asked = await run_in_threadpool(flow.challenge if data is None else lambda: flow.answer(data))
        return visit.keep(JSONResponse(asked))

    async def interface(self, request: Request) -> Response:
        """The login page."""
        visit, slug = self.visit(request), request.path_params["slug"]
        if not self._may_run(visit, slug):
            return HTMLResponse(pages.error(404, "There is no such flow under way."), 404)
        flow = self._flow(visit, slug, request.query_params.get("next", "/"))
        data = await body_of(request) if request.method == "POST" else None
        asked = await run_in_threadpool(flow.challenge if data is None else lambda: flow.answer(data))
        if asked["component"] == "xak-flow-redirect":
            return visit.keep(RedirectResponse(asked["to"], 303))
        status = 403 if asked["component"] == "ak-stage-access-denied" else 200
        return visit.keep(HTMLResponse(pages.challenge(asked), status))

    # --- OpenID Connect

    async def authorize(self, request: Request) -> Response:
        """Begin a sign-in to an application."""
        visit, query = self.visit(request), request.url.query
        try:
            uri = f"https://{visit.host}/application/o/authorize/?{query}"
            await run_in_threadpool(self.oidc.validate_authorization_request, uri, "GET", None, {})
        except FatalClientError as fault:
            # Never back to an address that is not the client's
            self.events.add("configuration_error", "", visit.client_ip, message=str(fault))
            return HTMLResponse(pages.error(400, fault.description or fault.error), 400)
        except OAuth2Error as fault:
            return RedirectResponse(fault.in_uri(fault.redirect_uri), 302)
        client = self.providers.by_id(request.query_params["client_id"])
        person = self.people.find(visit.session.get("user", ""))
        if person is None or client is None or request.query_params.get("prompt") == "login":
            following = {"next": f"/application/o/authorize/?{_without_prompt(query)}"}
            return visit.keep(RedirectResponse(f"/if/flow/{self._login_flow()}/?{urlencode(following)}", 302))
        if not self.providers.open_to(client, person, visit.client_ip):
            self.events.add("policy_exception", person.username, visit.client_ip, application=client.slug)
            return HTMLResponse(pages.error(403, "Permission denied: this application is not open to you."), 403)
        slug = self.providers.flow_of(client)
        visit.session |= {"flow": None, "authorize": query}
        asked = await run_in_threadpool(self._flow(visit, slug, "").challenge)
        if asked["component"] == "xak-flow-redirect":
            return visit.keep(RedirectResponse(asked["to"], 302))
        if asked["component"] == "ak-stage-access-denied":
            return visit.keep(HTMLResponse(pages.challenge(asked), 403))
        return visit.keep(RedirectResponse(f"/if/flow/{slug}/", 302))

    async def token(self, request: Request) -> Response:
        """A code becomes tokens."""
        visit = self.visit(request)
        body, headers = (await request.body()).decode(), dict(request.headers)
        headers = {"Authorization": headers.get("authorization", ""), "Content-Type": headers.get("content-type", "")}
        uri = f"https://{visit.host}/application/o/token/"
        found = await run_in_threadpool(self.oidc.create_token_response, uri, "POST", body, headers)
        return Response(found[1], found[2], headers=found[0])

    async def userinfo(self, request: Request) -> Response:
        """What the access token's scopes say of its person."""
        headers = {"Authorization": request.headers.get("authorization", "")}
        uri = f"https://{request.headers.get('host', 'localhost')}/application/o/userinfo/"
        found = await run_in_threadpool(self.oidc.create_userinfo_response, uri, "GET", None, headers)
        return Response(found[1], found[2], headers=found[0])

    def _client(self, request: Request) -> Client | None:
        client = self.providers.by_slug(request.path_params["slug"])
        return None if client is None or client.proxied else client

    async def discovery(self, request: Request) -> Response:
        """The discovery document of one application."""
        client = self._client(request)
        base = self.visit(request).base
        return JSONResponse(oidc.discovery(base, client)) if client else JSONResponse({"detail": "Not found."}, 404)

    async def jwks(self, request: Request) -> Response:
        """The public keys."""
        return JSONResponse(self.key.jwks) if self._client(request) else JSONResponse({"detail": "Not found."}, 404)

    async def end_session(self, request: Request) -> Response:
        """Sign out."""
        visit = self.visit(request)
        if user := visit.session.get("user"):
            self.events.add("logout", user, visit.client_ip)
        visit.forget()
        return visit.keep(HTMLResponse(pages.error(200, "You are signed out.")))

    # --- the rest

    async def health(self, request: Request) -> Response:
        """`live` is the process, `ready` the database."""
        if request.path_params["what"] == "ready":
            try:
                await run_in_threadpool(self.store.ping)
            except Exception as fault:  # whatever the database's driver raises
                return PlainTextResponse(type(fault).__name__, 503)
        return Response(status_code=200)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        text = process_metrics(SOFTWARE) + sample("authentik_main_users", len(self.people.every()))
        return PlainTextResponse(text)

    def authorized(self, request: Request) -> bool:
        """Whether a request of the API carries the token."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self.store.get(API_TOKEN, sha256(given.encode()).hexdigest()) is not None

    async def home(self, request: Request) -> Response:
        """What this is."""
        user = self.visit(request).session.get("user")
        return HTMLResponse(pages.error(200, f"Signed in as {user}." if user else "Nobody is signed in."))


def bootstrap(settings: Settings, store: Store) -> None:
    """The first start's account and token; the worker's environment has them, and they never count again."""
    if not settings.bootstrap_password:
        return
    people = People(store)
    made = people.find("akadmin") is None
    people.add(
        "akadmin",
        settings.bootstrap_password,
        settings.bootstrap_email,
        "authentik Default Admin",
        (BUILT_IN_ADMINS,),
    )
    if made and settings.bootstrap_token:
        store.add(API_TOKEN, sha256(settings.bootstrap_token.encode()).hexdigest(), {"user": "akadmin"})


def _without_prompt(query: str) -> str:
    pairs = [(name, value) for name, values in parse_qs(query).items() for value in values if name != "prompt"]
    return urlencode(pairs)


class _ByHost:
    """Guarded sites are told from Authentik's own pages by the name they are asked for."""

    def __init__(self, server: Authentik, app: Starlette) -> None:
        self.server, self.app = server, app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand the request to the outpost, or to Authentik."""
        if scope["type"] == "http":
            request = Request(scope, receive)
            client = self.server.providers.guarded(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")
            if client is not None and not scope["path"].startswith("/-/health/"):
                visit = self.server.visit(request, PROXY_COOKIE)
                response = await self.server.outpost.serve(request, visit, client)
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)


def worker_app(server: Authentik) -> Starlette:
    """What a worker answers: whether it lives."""
    return Starlette(routes=[Route("/-/health/{what:str}/", server.health)])


def metrics_app(server: Authentik) -> Starlette:
    """What both answer on their port for Prometheus."""
    return Starlette(routes=[Route("/metrics", server.metrics)])


def create(server: Authentik) -> _ByHost:
    """What a server answers."""
    api = Api(server.store, server.people, server.events, server.authorized)
    both = ["GET", "POST"]
    routes = [
        Route("/-/health/{what:str}/", server.health),
        Route("/api/v3/flows/executor/{slug}/", server.executor, methods=both),
        Route("/if/flow/{slug}/", server.interface, methods=both),
        Route("/application/o/authorize/", server.authorize),
        Route("/application/o/token/", server.token, methods=["POST"]),
        Route("/application/o/userinfo/", server.userinfo, methods=both),
        Route("/application/o/{slug}/.well-known/openid-configuration", server.discovery),
        Route("/application/o/{slug}/jwks/", server.jwks),
        Route("/application/o/{slug}/end-session/", server.end_session),
        *api.routes(),
        Route("/if/user/", server.home),
        Route("/", server.home),
    ]
    return _ByHost(server, Starlette(routes=routes))
