"""Vaultwarden's paths which the estate's checks use."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
import threading
from datetime import datetime, timezone
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from lab.standins.common import form
from lab.standins.vaultwarden import VERSION
from lab.standins.vaultwarden.settings import Settings

SCHEMA = """
CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (version TEXT PRIMARY KEY, run_on TEXT);
CREATE TABLE IF NOT EXISTS users (uuid TEXT PRIMARY KEY, email TEXT UNIQUE, created_at TEXT);
CREATE TABLE IF NOT EXISTS ciphers (uuid TEXT PRIMARY KEY, user_uuid TEXT, data TEXT);
"""
PAGE = """<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><p>{text}</p></html>"""
FORM = '<form method="post" action="admin"><input type="password" name="token"><button>Enter</button></form>'


class Database:
    """The vault's SQLite database, in WAL mode."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(str(path), check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(SCHEMA)

    def touch(self) -> bool:
        """Say whether the database answers."""
        try:
            with self._lock:
                self._db.execute("SELECT count(*) FROM users").fetchone()
        except sqlite3.Error:
            return False
        return True

    def backup(self, path: Path) -> None:
        """Copy the database while it is in use."""
        target = sqlite3.connect(str(path))
        with self._lock, target:
            self._db.backup(target)
        target.close()


def token_matches(stored: str, given: str) -> bool:
    """Check an admin token against its argon2 PHC string, or against plain text."""
    if not stored.startswith("$argon2"):
        return hmac.compare_digest(stored.encode(), given.encode())
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHash, VerificationError

    try:
        return PasswordHasher().verify(stored, given)
    except (VerificationError, InvalidHash):
        return False


def _page(title: str, text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=title, text=text), status)


class Api:
    """The routes."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.sessions: set[str] = set()

    async def alive(self, request: Request) -> Response:
        """The time, when the database answers."""
        if not await run_in_threadpool(self.database.touch):
            return JSONResponse({"error": "database"}, 503)
        return JSONResponse(datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))  # noqa: UP017

    async def version(self, request: Request) -> Response:
        """Version."""
        return JSONResponse(VERSION)

    async def config(self, request: Request) -> Response:
        """What clients read first."""
        domain = self.settings.domain.rstrip("/")
        addresses = {"vault": domain, "api": f"{domain}/api", "identity": f"{domain}/identity"}
        document = {"version": "2026.7.0", "gitHash": "lab-stand-in", "server": {"name": "Vaultwarden"}}
        settings = {"disableUserRegistration": not self.settings.signups_allowed}
        return JSONResponse({**document, "settings": settings, "environment": addresses, "object": "config"})

    async def register(self, request: Request) -> Response:
        """Nobody can register: sign-ups are off, or this is not a vault."""
        message = (
            "Registration not allowed or user already exists"
            if not self.settings.signups_allowed
            else "This lab stand-in holds no vault"
        )
        return JSONResponse({"message": message, "errorModel": {"message": message}}, 400)

    async def admin(self, request: Request) -> Response:
        """The admin page, behind its token."""
        if not self.settings.admin_token:
            return _page("Vaultwarden admin", "The admin panel is disabled; set ADMIN_TOKEN.", 404)
        if request.cookies.get("VW_ADMIN") in self.sessions:
            return _page("Vaultwarden admin (lab stand-in)", f"Domain: {self.settings.domain}")
        if request.method != "POST":
            return _page("Vaultwarden admin (lab stand-in)", FORM, 401)
        given = (await form(request)).get("token", [""])[0]
        if not await run_in_threadpool(token_matches, self.settings.admin_token, given):
            return _page("Vaultwarden admin (lab stand-in)", "Invalid admin token, please try again.", 401)
        session = secrets.token_urlsafe(24)
        self.sessions.add(session)
        answer = Response(status_code=303, headers={"Location": f"{self.settings.prefix.rstrip('/')}/admin"})
        answer.set_cookie("VW_ADMIN", session, httponly=True, samesite="strict", max_age=1200)
        return answer

    async def home(self, request: Request) -> Response:
        """What this is."""
        return _page("Vaultwarden: lab stand-in, not the real thing", "It holds no vault.")


def create(settings: Settings, database: Database) -> Starlette:
    """Build the application, under the domain's path."""
    api = Api(settings, database)
    both = ["GET", "POST"]
    routes = [
        Route("/alive", api.alive),
        Route("/api/alive", api.alive),
        Route("/api/version", api.version),
        Route("/api/config", api.config),
        Route("/identity/accounts/register", api.register, methods=["POST"]),
        Route("/identity/accounts/register/send-verification-email", api.register, methods=["POST"]),
        Route("/admin", api.admin, methods=both),
        Route("/", api.home),
    ]
    prefix = settings.prefix
    return Starlette(routes=routes if prefix == "/" else [Mount(prefix, routes=routes)])
