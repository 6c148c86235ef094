"""Alloy's own HTTP paths, and the shipping thread behind them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins.alloy import SOFTWARE, VERSION
from lab.standins.alloy.config import load
from lab.standins.alloy.river import RiverError
from lab.standins.alloy.shipper import Shipper
from lab.standins.common import process_metrics, sample


class Runner:
    """Runs the shipper of the configuration file in a thread; a reload replaces it."""

    def __init__(self, path: Path, storage: Path) -> None:
        self._path, self._storage = path, storage
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.healthy = True
        self.shipper = self._make()

    def _make(self) -> Shipper:
        return Shipper(load(self._path.read_text()), self._storage)

    def start(self) -> None:
        """Start shipping."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.shipper.run, args=(self._stop,), daemon=True)
        self._thread.start()

    def reload(self) -> str:
        """Take the file's present content; give the fault that kept the old one, if any."""
        try:
            shipper = self._make()
        except (RiverError, OSError) as fault:
            self.healthy = False
            print(f"level=error msg={f'{self._path}:{fault}'!r}", file=sys.stderr)
            return f"{self._path}:{fault}"
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=15)
        self.shipper, self.healthy = shipper, True
        self.start()
        return ""


def create(runner: Runner) -> Starlette:
    """Build the application."""

    def ready(request: Request) -> Response:
        return PlainTextResponse("Alloy is ready.\n")

    def healthy(request: Request) -> Response:
        if runner.healthy:
            return PlainTextResponse("All Alloy components are healthy.\n")
        return PlainTextResponse("unhealthy components: the configuration did not reload\n", 500)

    def reload(request: Request) -> Response:
        fault = runner.reload()
        return PlainTextResponse(fault or "config reloaded\n", 400 if fault else 200)

    def metrics(request: Request) -> Response:
        counts, config = runner.shipper.counts, runner.shipper.config
        text = process_metrics(SOFTWARE) + sample("alloy_build_info", 1, {"version": VERSION})
        text += sample("alloy_config_last_load_successful", int(runner.healthy))
        text += sample("alloy_component_controller_running_components", config.components)
        text += sample("loki_source_file_read_lines_total", counts["read"])
        text += sample("loki_write_sent_entries_total", counts["sent"])
        text += sample("loki_write_dropped_entries_total", counts["dropped"])
        return PlainTextResponse(text + sample("loki_write_batch_retries_total", counts["retried"]))

    def page(request: Request) -> Response:
        return HTMLResponse("<h1>Grafana Alloy: lab stand-in, not the real thing</h1>")

    return Starlette(
        routes=[
            Route("/-/ready", ready),
            Route("/-/healthy", healthy),
            Route("/-/reload", reload, methods=["GET", "POST"]),
            Route("/metrics", metrics),
            Route("/", page),
        ]
    )
