"""n8n's paths."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins.common import process_metrics, sample
from lab.standins.n8n import SOFTWARE, VERSION
from lab.standins.n8n.database import Database
from lab.standins.n8n.settings import Settings

_PAGE = """<!doctype html><html lang="en"><title>n8n (lab stand-in)</title>
<h1>n8n: lab stand-in, not the real thing</h1><p>Nothing runs here; stored credentials can{} be read.</p></html>"""


class Api:
    """The routes, over settings and database; `readable` is whether the key fits what is stored."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database, self.readable = settings, database, False
        self.migrated = False

    def _ready(self) -> bool:
        try:
            if not self.migrated:
                self.readable = self.database.migrate(self.settings.key)
                self.migrated = True
            self.database.ping()
        except ConnectionError:
            return False
        return True

    async def home(self, request: Request) -> Response:
        """A page that says what this is."""
        return HTMLResponse(_PAGE.format("" if self.readable else "not"))

    async def health(self, request: Request) -> Response:
        """The process alone."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, request: Request) -> Response:
        """Connected and migrated."""
        ready = await run_in_threadpool(self._ready)
        return JSONResponse({"status": "ok" if ready else "error"}, 200 if ready else 503)

    async def credential(self, request: Request) -> Response:
        """Whether the stored credential can be read; the real n8n says so when a workflow uses one."""
        ready = await run_in_threadpool(self._ready)
        return JSONResponse({"readable": ready and self.readable}, 200 if ready else 503)

    async def webhook(self, request: Request) -> Response:
        """No webhook is registered."""
        text = f'The requested webhook "{request.method} {request.path_params["path"]}" is not registered.'
        return JSONResponse({"code": 404, "message": text}, 404)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        return PlainTextResponse(process_metrics(SOFTWARE) + sample("n8n_version_info", 1, {"version": f"v{VERSION}"}))


def create(settings: Settings, database: Database) -> Starlette:
    """Build the application."""
    api = Api(settings, database)
    routes = [
        Route("/", api.home),
        Route("/healthz", api.health),
        Route("/healthz/readiness", api.readiness),
        Route("/estate-lab/credential", api.credential),
        Route("/webhook/{path:path}", api.webhook, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ]
    if settings.metrics:
        routes.append(Route("/metrics", api.metrics))
    return Starlette(routes=routes)
