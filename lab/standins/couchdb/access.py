"""Who asks, and what of a database they may."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass

from starlette.requests import Request

from lab.standins.couchdb.settings import Settings
from lab.standins.couchdb.store import USERS, Document, Store, hashed


class RefusedError(Exception):
    """What the caller may not; `status` is 401 or 403."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Caller:
    """A name (empty: nobody), and whether it is a server administrator's."""

    name: str = ""
    admin: bool = False
    roles: tuple[str, ...] = ()


def caller(request: Request, settings: Settings, store: Store) -> Caller:
    """Who asks. Raises RefusedError for credentials that are not right."""
    header = request.headers.get("authorization", "")
    if not header.lower().startswith("basic "):
        return Caller()
    try:
        name, _, password = base64.b64decode(header[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, password = "", ""
    if name in settings.admins and hmac.compare_digest(settings.admins[name].encode(), password.encode()):
        return Caller(name, admin=True, roles=("_admin",))
    found = store.get(USERS, f"org.couchdb.user:{name}") if USERS in store.names() else None
    if found and not found[2]:
        document = found[0]
        wanted = str(document.get("derived_key", ""))
        if hmac.compare_digest(wanted, hashed(password, str(document.get("salt", "")))):
            return Caller(name, roles=tuple(document.get("roles", ())))
    raise RefusedError(401, "Name or password is incorrect.")


def _named(part: Document, who: Caller) -> bool:
    return who.name in part.get("names", ()) or bool(set(who.roles) & set(part.get("roles", ())))


def require_admin(who: Caller) -> None:
    """Raises RefusedError for anybody but a server administrator."""
    if not who.admin:
        raise RefusedError(401, "You are not a server admin.")


def require_member(store: Store, name: str, who: Caller) -> None:
    """Raises RefusedError for who is neither administrator nor member of the database."""
    if who.admin:
        return
    security = store.security(name)
    if name == USERS or not any(_named(security.get(part, {}), who) for part in ("admins", "members")):
        raise RefusedError(403 if who.name else 401, "You are not allowed to access this db.")


def require_database_admin(store: Store, name: str, who: Caller) -> None:
    """Raises RefusedError for who does not administer the database."""
    if not who.admin and not _named(store.security(name).get("admins", {}), who):
        raise RefusedError(401, "You are not a db or server admin.")
