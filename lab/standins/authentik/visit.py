"""One request: where it comes from, which address it was sent to, whose session it is."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lab.standins.authentik.blueprints import put
from lab.standins.authentik.settings import Settings
from lab.standins.rows import Row, Store

SESSION = "session"


def client_ip(request: Request, settings: Settings) -> str:
    """The client's address: what the nearest proxy that is not trusted says, seen from here."""
    peer = request.client.host if request.client else "255.255.255.255"
    chain = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    for address in (peer, *reversed(chain)):
        peer = address
        if not is_trusted(address, settings):
            break
    try:
        return str(ip_address(peer))
    except ValueError:
        return "255.255.255.255"


def is_trusted(address: str, settings: Settings) -> bool:
    """Whether a proxy at that address may say who its client is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in settings.trusted)


@dataclass
class Visit:
    """A request with its session; `session` is kept by `keep`."""

    store: Store
    base: str
    host: str
    client_ip: str
    cookie: str
    key: str
    session: Row
    fresh: bool

    @classmethod
    def of(cls, request: Request, store: Store, settings: Settings, now: Callable[[], float], cookie: str) -> Visit:
        """Look the session up; one that is over is as good as none."""
        peer = request.client.host if request.client else ""
        forwarded = request.headers.get("x-forwarded-proto") if is_trusted(peer, settings) else None
        host = request.headers.get("host", "localhost")
        key = request.cookies.get(cookie, "")
        row = store.get(SESSION, key) if key else None
        if row is None or row.get("expires", now() + 1) <= now():
            key, row = secrets.token_urlsafe(32), None
        where = f"{forwarded or request.url.scheme}://{host}"
        return cls(store, where, host, client_ip(request, settings), cookie, key, row or {}, row is None)

    def keep(self, response: Response) -> Response:
        """Write the session, and its cookie when it is new."""
        put(self.store, SESSION, self.key, self.session)
        if self.fresh:
            secure = self.base.startswith("https")
            response.set_cookie(self.cookie, self.key, httponly=True, secure=secure, samesite="lax")
        return response

    def renew(self) -> None:
        """Another key for the session, as its rights have grown."""
        self.store.delete(SESSION, self.key)
        self.key, self.fresh = secrets.token_urlsafe(32), True

    def forget(self) -> None:
        """End the session."""
        self.store.delete(SESSION, self.key)
        self.session, self.key, self.fresh = {}, secrets.token_urlsafe(32), True


async def body_of(request: Request) -> dict[str, Any]:
    """The answer that a program (JSON) or the login page (a form) sends."""
    from lab.standins.common import form

    if request.headers.get("content-type", "").startswith("application/json"):
        found = await request.json()
        return found if isinstance(found, dict) else {}
    return {name: values[-1] for name, values in (await form(request)).items()}
