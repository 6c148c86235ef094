"""cAdvisor's paths."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins.cadvisor import SOFTWARE, VERSION
from lab.standins.cadvisor.containers import Cgroups, Container, Roots, attempt, running
from lab.standins.common import process_metrics, sample


class Metrics:
    """Samples, grouped by name as the text format wants them."""

    def __init__(self, *, labels: bool) -> None:
        self._labels = labels
        self._lines: dict[str, list[str]] = defaultdict(list)

    def add(self, container: Container, name: str, value: float | None, **more: str) -> None:
        """Add a sample unless its value could not be read."""
        if value is None:
            return
        labels = {**container.selector(), **more}
        if self._labels:
            safe = {
                f"container_label_{key.replace('.', '_').replace('-', '_')}": text
                for key, text in container.labels.items()
            }
            labels |= safe
        self._lines[name].append(sample(name, value, labels))

    def text(self) -> str:
        """Give the exposition."""
        kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in self._lines}
        return "".join(f"# TYPE {name} {kinds[name]}\n" + "".join(lines) for name, lines in self._lines.items())


def collect(roots: Roots, *, labels: bool, now: Callable[[], float] = time.time) -> str:
    """Read every running container."""
    metrics = Metrics(labels=labels)
    for container in running(roots):
        groups = Cgroups(roots, container)
        metrics.add(container, "container_last_seen", int(now()))
        metrics.add(container, "container_start_time_seconds", container.started)
        metrics.add(container, "container_cpu_usage_seconds_total", attempt(groups.cpu_seconds), cpu="total")
        metrics.add(container, "container_memory_usage_bytes", attempt(groups.memory))
        metrics.add(container, "container_memory_working_set_bytes", attempt(groups.working_set))
        metrics.add(container, "container_spec_memory_limit_bytes", attempt(groups.memory_limit))
        metrics.add(container, "container_fs_writes_bytes_total", attempt(groups.written))
        for interface, (received, sent) in (attempt(groups.network) or {}).items():
            metrics.add(container, "container_network_receive_bytes_total", received, interface=interface)
            metrics.add(container, "container_network_transmit_bytes_total", sent, interface=interface)
    return metrics.text()


def create(roots: Roots, *, labels: bool) -> Starlette:
    """Build the application."""

    def healthz(request: Request) -> Response:
        return PlainTextResponse("ok")

    def metrics(request: Request) -> Response:
        head = process_metrics(SOFTWARE) + sample("cadvisor_version_info", 1, {"cadvisorVersion": VERSION})
        return PlainTextResponse(head + collect(roots, labels=labels))

    def machine(request: Request) -> Response:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return JSONResponse({"num_cores": os.cpu_count(), "memory_capacity": memory, "machine_id": "lab-stand-in"})

    def page(request: Request) -> Response:
        return HTMLResponse("<h1>cAdvisor: lab stand-in, not the real thing</h1>")

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/metrics", metrics),
            Route("/api/v1.3/machine", machine),
            Route("/", page),
            Route("/containers/", page),
        ]
    )
