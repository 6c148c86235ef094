"""Grafana's HTTP API, and a page which says what this is."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from lab.standins.common import process_metrics, sample
from lab.standins.grafana import SOFTWARE, VERSION, provisioning, upstream
from lab.standins.grafana.users import Users

Handler = Callable[[Request], Awaitable[Response]]
PAGE = """<!doctype html><html lang="en"><title>Grafana (lab stand-in)</title>
<h1>Grafana: lab stand-in, not the real thing</h1>
<p>The estate's lab runs this where Grafana's image cannot be pulled. It loads the same provisioning and
answers the same API; panels are not drawn.</p>
<h2>Dashboards</h2><ul>{boards}</ul><h2>Data sources</h2><ul>{sources}</ul>{faults}</html>"""


def _missing(what: str) -> JSONResponse:
    return JSONResponse({"message": f"{what} not found"}, 404)


class Api:
    """The routes over one provisioning directory and one user database."""

    def __init__(self, users: Users, directory: Path, environment: Mapping[str, str]) -> None:
        self.users, self.directory, self.environment = users, directory, environment
        self.sources = provisioning.data_sources(directory / "datasources", environment)
        self._boards = provisioning.Dashboards()
        self._scanned = float("-inf")
        self.boards()

    def boards(self, *, force: bool = False) -> provisioning.Dashboards:
        """Give the dashboards; scan their files again when the provider's interval has passed."""
        if force or time.monotonic() - self._scanned >= self._boards.interval:
            before = self._boards.faults
            self._boards = provisioning.dashboards(self.directory / "dashboards", self.environment, self.sources)
            self._scanned = time.monotonic()
            for fault in set(self._boards.faults) - set(before):
                print(f"level=error logger=provisioning.dashboard msg={fault!r}", file=sys.stderr)
        return self._boards

    def admin(self, handler: Handler) -> Handler:
        """Let only the admin through."""

        async def guarded(request: Request) -> Response:
            header = request.headers.get("authorization", "")
            if not header:
                return JSONResponse({"message": "Unauthorized", "messageId": "auth.unauthorized"}, 401)
            if not await run_in_threadpool(self.users.basic, header):
                return JSONResponse({"message": "Invalid username or password"}, 401)
            return await handler(request)

        return guarded

    async def health(self, request: Request) -> Response:
        """Health: the database decides."""
        ok = self.users.ok()
        document = {"commit": "lab-stand-in", "database": "ok" if ok else "failing", "version": VERSION}
        return JSONResponse(document, 200 if ok else 503)

    def _source(self, request: Request) -> provisioning.DataSource | None:
        wanted = request.path_params["uid"]
        return next((source for source in self.sources if source.uid == wanted), None)

    async def list_sources(self, request: Request) -> Response:
        """All data sources."""
        return JSONResponse([source.document() for source in self.sources])

    async def source(self, request: Request) -> Response:
        """One data source."""
        source = self._source(request)
        return JSONResponse(source.document()) if source else _missing("Data source")

    async def source_health(self, request: Request) -> Response:
        """Query the data source."""
        source = self._source(request)
        if not source:
            return _missing("Data source")
        status, document = await run_in_threadpool(upstream.health, source)
        return JSONResponse(document, status)

    async def proxy(self, request: Request) -> Response:
        """Hand a request on to the data source."""
        source = self._source(request)
        if not source:
            return _missing("Data source")
        url = f"{source.url.rstrip('/')}/{request.path_params['path']}"
        url += f"?{request.url.query}" if request.url.query else ""
        body = await request.body() or None
        kind = request.headers.get("content-type", "")
        answer = await run_in_threadpool(upstream.ask, url, request.method, body, kind)
        return Response(answer.body, answer.status, media_type=answer.content_type)

    async def organization(self, request: Request) -> Response:
        """The organization that the user is in."""
        return JSONResponse({"id": 1, "name": "Main Org."})

    async def search(self, request: Request) -> Response:
        """Dashboards by title."""
        if request.query_params.get("type") == "dash-folder":
            return JSONResponse([])
        text = request.query_params.get("query", "").lower()
        limit = int(request.query_params.get("limit", 1000))
        hits = [board.hit() for board in self.boards().all if text in board.title.lower()]
        return JSONResponse(hits[:limit])

    async def dashboard(self, request: Request) -> Response:
        """One dashboard's JSON."""
        wanted = request.path_params["uid"]
        for board in self.boards().all:
            if board.uid == wanted:
                meta = {"type": "db", "slug": board.slug, "url": board.hit()["url"], "provisioned": True}
                meta |= {"folderTitle": board.folder, "provisionedExternalId": board.source.name}
                return JSONResponse({"meta": meta, "dashboard": {**board.document, "uid": board.uid}})
        return _missing("Dashboard")

    async def reload(self, request: Request) -> Response:
        """Read the provisioning again."""
        what = request.path_params["what"]
        if what == "datasources":
            try:
                self.sources = provisioning.data_sources(self.directory / what, self.environment)
            except provisioning.ProvisioningError as fault:
                return JSONResponse({"message": str(fault)}, 500)
        elif what == "dashboards":
            self.boards(force=True)
        else:
            return _missing("Provisioner")
        return JSONResponse({"message": f"{what.capitalize()} config reloaded"})

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        boards = self.boards()
        text = process_metrics(SOFTWARE) + sample("grafana_build_info", 1, {"version": VERSION})
        text += sample("grafana_stat_totals_dashboard", len(boards.all))
        text += sample("grafana_stat_totals_datasource", len(self.sources))
        return PlainTextResponse(text + sample("estate_lab_dashboard_faults", len(boards.faults)))

    async def page(self, request: Request) -> Response:
        """What this is, and what it loaded."""
        boards = self.boards()
        items = "".join(f"<li>{html.escape(b.title)} ({html.escape(b.folder)})" for b in boards.all)
        sources = "".join(f"<li>{html.escape(s.name)}: {html.escape(s.type)}" for s in self.sources)
        faults = "".join(f"<p>{html.escape(fault)}</p>" for fault in boards.faults)
        return HTMLResponse(PAGE.format(boards=items, sources=sources, faults=faults))

    async def home(self, request: Request) -> Response:
        """Send visitors to the login page, as the real one does."""
        return RedirectResponse("/login", 302)

    async def unknown(self, request: Request) -> Response:
        """Answer for any other path of the API."""
        return JSONResponse({"message": "Not found"}, 404)


def create(users: Users, directory: Path, environment: Mapping[str, str]) -> Starlette:
    """Build the application; raise ProvisioningError when the real server would not start."""
    api = Api(users, directory, environment)
    everything = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    routes = [
        Route("/api/health", api.health),
        Route("/healthz", api.health),
        Route("/metrics", api.metrics),
        Route("/api/datasources", api.admin(api.list_sources)),
        Route("/api/datasources/uid/{uid}", api.admin(api.source)),
        Route("/api/datasources/uid/{uid}/health", api.admin(api.source_health)),
        Route("/api/datasources/proxy/uid/{uid}/{path:path}", api.admin(api.proxy), methods=everything),
        Route("/api/org", api.admin(api.organization)),
        Route("/api/search", api.admin(api.search)),
        Route("/api/dashboards/uid/{uid}", api.admin(api.dashboard)),
        Route("/api/admin/provisioning/{what}/reload", api.admin(api.reload), methods=["POST"]),
        Route("/api/{path:path}", api.unknown, methods=everything),
        Route("/", api.home),
        Route("/{path:path}", api.page),
    ]
    return Starlette(routes=routes)
