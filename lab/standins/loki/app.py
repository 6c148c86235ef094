"""Loki's HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins.common import form, process_metrics, sample
from lab.standins.loki import SOFTWARE, VERSION, logql
from lab.standins.loki.config import ConfigError, seconds
from lab.standins.loki.query import MAX_STEPS, SECOND, logs, metric, selected
from lab.standins.loki.store import Store


class BadRequestError(ValueError):
    """Answered with 400 and plain text, as Loki does."""


def _when(text: str | None, default: int) -> int:
    """Read a time: nanoseconds, seconds with or without fraction, or RFC 3339."""
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        from datetime import datetime

        try:
            return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * SECOND)
        except ValueError as fault:
            raise BadRequestError(f'invalid time "{text}"') from fault
    return int(text) if number >= 1e12 and text.isdigit() else int(number * SECOND)


async def _parameters(request: Request) -> Callable[[str], str | None]:
    body = await form(request)
    return lambda name: body[name][0] if name in body else request.query_params.get(name)


def _success(data: object) -> JSONResponse:
    return JSONResponse({"status": "success", "data": data})


def _streams(document: dict[str, Any]) -> list[tuple[dict[str, str], list[tuple[int, str]]]]:
    try:
        return [
            (dict(item["stream"]), [(int(value[0]), str(value[1])) for value in item["values"]])
            for item in document["streams"]
        ]
    except (KeyError, TypeError, ValueError, IndexError) as fault:
        raise BadRequestError(f"error parsing push request: {fault!r}") from fault


class Api:
    """The routes over one store."""

    def __init__(self, store: Store, retention: float = 0.0) -> None:
        self.store, self.retention = store, retention
        self.pushed = 0

    async def push(self, request: Request) -> Response:
        """Take JSON streams; 204 when they are stored."""
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return PlainTextResponse("this stand-in takes application/json only\n", 415)
        try:
            streams = _streams(json.loads(body))
        except json.JSONDecodeError as fault:
            raise BadRequestError(f"error parsing push request: {fault}") from fault
        if not streams or any(not labels for labels, _ in streams):
            raise BadRequestError("error at least one label pair is required per stream")
        for labels, entries in streams:
            self.pushed += await run_in_threadpool(self.store.append, labels, entries)
        return Response(status_code=204)

    async def query(self, request: Request) -> Response:
        """Instant query."""
        get = await _parameters(request)
        now = _when(get("time"), time.time_ns())
        text = get("query") or ""
        if text.replace(" ", "") == "vector(1)+vector(1)":  # Grafana's health check of a data source
            answer = [{"metric": {}, "value": [now / SECOND, "2"]}]
            return _success({"resultType": "vector", "result": answer, "stats": {}})
        query = logql.parse(text)
        if not query.function:
            raise logql.LogQLError("log queries are not supported as an instant query type")
        found = await run_in_threadpool(metric, self.store, query, [now])
        result = [{"metric": labels, "value": points[0]} for labels, points in found]
        return _success({"resultType": "vector", "result": result, "stats": {}})

    async def query_range(self, request: Request) -> Response:
        """Range query: lines, or a matrix."""
        get = await _parameters(request)
        query = logql.parse(get("query") or "")
        end = _when(get("end"), time.time_ns())
        start = _when(get("start"), end - 3600 * SECOND)
        if end < start:
            raise BadRequestError("end timestamp must not be before or equal to start time")
        if not query.function:
            limit, backward = int(get("limit") or 100), get("direction") != "forward"
            found = await run_in_threadpool(lambda: logs(self.store, query, start, end, limit, backward=backward))
            return _success({"resultType": "streams", "result": found, "stats": {}})
        step = max(int(seconds(get("step") or "60s") * SECOND), SECOND)
        times = list(range(start, end + 1, step))
        if len(times) > MAX_STEPS:
            raise BadRequestError("exceeded maximum resolution of 11,000 points per time series")
        matrix = await run_in_threadpool(metric, self.store, query, times)
        result = [{"metric": labels, "values": points} for labels, points in matrix]
        return _success({"resultType": "matrix", "result": result, "stats": {}})

    async def labels(self, request: Request) -> Response:
        """Label names."""
        return _success(sorted({name for _, labels in self.store.streams() for name in labels}))

    async def label_values(self, request: Request) -> Response:
        """Values of one label."""
        name = request.path_params["name"]
        return _success(sorted({labels[name] for _, labels in self.store.streams() if name in labels}))

    async def series(self, request: Request) -> Response:
        """Streams which the `match[]` selectors select; all without one."""
        body = await form(request)
        wanted = body.get("match[]") or request.query_params.getlist("match[]")
        if not wanted:
            return _success([labels for _, labels in self.store.streams()])
        found: dict[int, dict[str, str]] = {}
        for text in wanted:
            found.update(selected(self.store, logql.parse(text)))
        return _success(list(found.values()))

    async def ready(self, request: Request) -> Response:
        """Ready as soon as it listens; the real one waits 15 s."""
        return PlainTextResponse("ready\n")

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        text = process_metrics(SOFTWARE) + sample("loki_build_info", 1, {"version": VERSION})
        text += sample("loki_distributor_lines_received_total", self.pushed)
        return PlainTextResponse(text + sample("loki_ingester_memory_streams", len(self.store.streams())))

    async def buildinfo(self, request: Request) -> Response:
        """Version."""
        return JSONResponse({"version": VERSION, "revision": "lab-stand-in", "branch": "", "goVersion": ""})

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Prune old lines hourly while retention is on."""

        async def prune() -> None:
            while self.retention:
                await run_in_threadpool(self.store.prune, time.time_ns() - int(self.retention * SECOND))
                await asyncio.sleep(3600)

        task = asyncio.create_task(prune())
        yield
        task.cancel()


async def _refuse(request: Request, fault: Exception) -> Response:
    return PlainTextResponse(str(fault), 400)


def create(store: Store, retention: float = 0.0) -> Starlette:
    """Build the application."""
    api = Api(store, retention)
    both = ["GET", "POST"]
    routes = [
        Route("/ready", api.ready),
        Route("/metrics", api.metrics),
        Route("/loki/api/v1/push", api.push, methods=["POST"]),
        Route("/loki/api/v1/query", api.query, methods=both),
        Route("/loki/api/v1/query_range", api.query_range, methods=both),
        Route("/loki/api/v1/labels", api.labels, methods=both),
        Route("/loki/api/v1/label/{name}/values", api.label_values),
        Route("/loki/api/v1/series", api.series, methods=both),
        Route("/loki/api/v1/status/buildinfo", api.buildinfo),
    ]
    handlers: dict[Any, Any] = {BadRequestError: _refuse, logql.LogQLError: _refuse, ConfigError: _refuse}
    return Starlette(routes=routes, exception_handlers=handlers, lifespan=api.lifespan)
