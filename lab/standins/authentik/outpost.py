"""The embedded outpost in proxy mode: a guarded site's name on Authentik's own port.

Who is not signed in goes through OpenID Connect with the outpost as its client, and so through the site's policy.
"""

from __future__ import annotations

import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from lab.standins.authentik.oidc import CODE
from lab.standins.authentik.providers import CALLBACK, Client
from lab.standins.authentik.stages import seconds
from lab.standins.authentik.visit import Visit
from lab.standins.rows import Store

COOKIE = "authentik_proxy_lab"
_HOP = {"connection", "host", "transfer-encoding", "content-length", "keep-alive", "upgrade", "accept-encoding"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Hand redirects on instead of following them."""


class Outpost:
    """Serves guarded sites. + auth_base: where people sign in"""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self.store, self.now = store, now

    async def serve(self, request: Request, visit: Visit, client: Client) -> Response:
        """Answer one request for a guarded site."""
        path = request.url.path
        if path == CALLBACK:
            return visit.keep(self._callback(request, visit, client))
        open_paths = [text for text in client.provider["skip_path_regex"].splitlines() if text]
        signed_in = visit.session.get("user") and visit.session.get("slug") == client.slug
        if not signed_in and not any(re.search(pattern, path) for pattern in open_paths):
            return visit.keep(self._start(request, visit, client))
        who = {"X-authentik-username": visit.session["user"]} if signed_in else {}
        return await run_in_threadpool(self._forward, request, await request.body(), client, who, visit.client_ip)

    def _auth_base(self) -> str:
        rows = self.store.every("object", managed="goauthentik.io/outposts/embedded")
        return str(rows[0].get("config", {}).get("authentik_host", "http://localhost")) if rows else "http://localhost"

    def _start(self, request: Request, visit: Visit, client: Client) -> Response:
        state = secrets.token_urlsafe(16)
        visit.session |= {"state": state, "return": str(request.url.path)}
        query = {
            "client_id": client.client_id,
            "redirect_uri": client.provider["external_host"] + CALLBACK,
            "response_type": "code",
            "scope": "openid profile email",
            "state": state,
        }
        return RedirectResponse(f"{self._auth_base()}/application/o/authorize/?{urlencode(query)}", 302)

    def _callback(self, request: Request, visit: Visit, client: Client) -> Response:
        code = self.store.get(CODE, request.query_params.get("code", ""))
        right = code is not None and code["client_id"] == client.client_id and code["expires"] > self.now()
        if not right or request.query_params.get("state") != visit.session.pop("state", None) or code is None:
            return PlainTextResponse("invalid state or code", 400)
        self.store.delete(CODE, request.query_params["code"])
        to = visit.session.pop("return", "/")
        visit.renew()
        lasts = seconds(client.provider["access_token_validity"])
        visit.session |= {"user": code["grant"]["username"], "slug": client.slug, "expires": self.now() + lasts}
        return RedirectResponse(to, 302)

    def _forward(self, request: Request, body: bytes, client: Client, who: dict[str, str], client_ip: str) -> Response:
        base = client.provider["internal_host"].rstrip("/")
        if urlsplit(base).scheme not in ("http", "https"):
            return PlainTextResponse("bad internal_host", 502)
        url = base + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        # A name that the client sent itself must not pass for ours
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _HOP and not name.lower().startswith("x-authentik")
        }
        headers |= {**who, "X-Forwarded-For": client_ip, "X-Forwarded-Host": request.headers.get("host", "")}
        asked = urllib.request.Request(url, body or None, headers, method=request.method)  # noqa: S310 - http(s), above
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(asked, timeout=60) as answer:
                return _answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as fault:
            return _answer(fault.code, fault.headers, fault.read())
        except OSError as fault:
            return PlainTextResponse(f"the site does not answer: {fault}", 502)


def _answer(status: int, headers: Any, body: bytes) -> Response:
    response = Response(body, status)
    for name, value in headers.items():
        if name.lower() not in _HOP:
            response.headers.append(name, value)
    return response
