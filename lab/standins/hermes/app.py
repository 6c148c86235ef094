"""Hermes' paths."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins import probes
from lab.standins.common import process_metrics, sample
from lab.standins.hermes import SOFTWARE, VERSION

Probe = Callable[[str], None]
PROBES: dict[str, tuple[str, Probe]] = {
    "postgres": ("DATABASE_URL", probes.postgres),
    "redis": ("REDIS_URL", probes.redis),
    "s3": ("S3_ENDPOINT", probes.http),
}


class Api:
    """The routes, over the environment."""

    def __init__(self, environment: Mapping[str, str], checks: Mapping[str, tuple[str, Probe]]) -> None:
        self.environment, self.checks = environment, checks
        self.requests: Counter[int] = Counter()

    def _check(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, (variable, probe) in self.checks.items():
            target = self.environment.get(variable)
            if target:
                try:
                    probe(target)
                    found[name] = "ok"
                except probes.ProbeError as fault:
                    found[name] = str(fault)
        return found

    async def health(self, request: Request) -> Response:
        """Health of what it depends on."""
        checks = await run_in_threadpool(self._check)
        ok = all(outcome == "ok" for outcome in checks.values())
        document = {"status": "ok" if ok else "degraded", "version": VERSION, "checks": checks}
        return JSONResponse(document, 200 if ok else 503)

    async def research(self, request: Request) -> Response:
        """A canned answer, for the right token."""
        token = self.environment.get("HERMES_API_TOKEN", "")
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        answer = await self._answer(request, bool(token) and hmac.compare_digest(given.encode(), token.encode()))
        self.requests[answer.status_code] += 1
        return answer

    async def _answer(self, request: Request, allowed: bool) -> Response:
        if not allowed:
            return JSONResponse({"detail": "Invalid or missing token"}, 401, {"WWW-Authenticate": "Bearer"})
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return JSONResponse({"detail": [{"loc": ["body", "query"], "msg": "Field required"}]}, 422)
        note = "This is a canned answer from the estate's lab stand-in; nothing was researched."
        return JSONResponse({"stand_in": True, "query": body["query"], "summary": note, "sources": []})

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        text = process_metrics(SOFTWARE) + sample("hermes_build_info", 1, {"version": VERSION})
        for status, count in sorted(self.requests.items()):
            text += sample("hermes_research_requests_total", count, {"status": str(status)})
        return PlainTextResponse(text)


def create(environment: Mapping[str, str], checks: Mapping[str, tuple[str, Probe]] = PROBES) -> Starlette:
    """Build the application."""
    api = Api(environment, checks)
    return Starlette(
        routes=[
            Route("/health", api.health),
            Route("/v1/research", api.research, methods=["POST"]),
            Route("/metrics", api.metrics),
        ]
    )
