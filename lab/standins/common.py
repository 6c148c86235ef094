"""What every stand-in shares: the banner, the header, the listening sockets, the metrics text."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Estate-Lab-Stand-In"


def banner(software: str) -> None:
    """Say on standard error that this is not the real software."""
    print(f"ESTATE LAB STAND-IN for {software}: not the real thing", file=sys.stderr, flush=True)


class Labelled:
    """ASGI middleware: every answer carries the stand-in header."""

    def __init__(self, app: ASGIApp, software: str) -> None:
        self.app, self.software = app, software

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the header to the response's start."""

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (HEADER.lower().encode(), self.software.encode())
                message = {**message, "headers": [*message.get("headers", []), header]}
            await send(message)

        await self.app(scope, receive, labelled)


@dataclass(frozen=True)
class Listener:
    """One application on one socket: host and port, or a Unix socket with its mode."""

    app: ASGIApp
    host: str = "0.0.0.0"  # noqa: S104
    port: int = 0
    unix_socket: Path | None = None
    mode: int = 0o770


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`, which ends all listeners together."""
        yield


def _config(listener: Listener) -> uvicorn.Config:
    address = (
        {"uds": str(listener.unix_socket)} if listener.unix_socket else {"host": listener.host, "port": listener.port}
    )
    return uvicorn.Config(
        listener.app,
        loop="asyncio",
        http="h11",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        **address,
    )


async def _serve(listeners: Sequence[Listener]) -> None:
    servers = [_Server(_config(listener)) for listener in listeners]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    running = [asyncio.create_task(server.serve()) for server in servers]
    sockets = [(listener.unix_socket, listener.mode) for listener in listeners if listener.unix_socket]
    while sockets and not all(server.started for server in servers):
        await asyncio.sleep(0.02)
    for path, mode in sockets:
        path.chmod(mode)
    await asyncio.gather(*running)


def serve(software: str, listeners: Sequence[Listener]) -> None:
    """Serve until SIGTERM or SIGINT."""
    banner(software)
    labelled = [Listener(Labelled(li.app, software), li.host, li.port, li.unix_socket, li.mode) for li in listeners]
    asyncio.run(_serve(labelled))


async def form(request: Request) -> dict[str, list[str]]:
    """Read a URL-encoded body (Starlette's own reader needs a package more); empty for a GET."""
    if request.method == "GET":
        return {}
    return parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)


def secret_setting(environment: Mapping[str, str], name: str, file_suffix: str = "__FILE") -> str | None:
    """Read a setting from the environment, or from the file which NAME__FILE names."""
    path = environment.get(name + file_suffix)
    return Path(path).read_text().strip() if path else environment.get(name)


def label_value(text: str) -> str:
    """Escape a label value of the Prometheus text format."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def sample(name: str, value: float, labels: Mapping[str, str] | None = None) -> str:
    """Write one sample of the Prometheus text format."""
    inner = ",".join(f'{key}="{label_value(text)}"' for key, text in (labels or {}).items())
    return f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def process_metrics(software: str) -> str:
    """Give the samples each stand-in has: that it is one, and its resident memory."""
    resident = 0
    with contextlib.suppress(OSError):
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return sample("estate_lab_stand_in", 1, {"software": software}) + sample("process_resident_memory_bytes", resident)
