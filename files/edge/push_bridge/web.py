"""The HTTP side: one request a connection, sizes and times limited."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from push_bridge.bridge import Bridge
from push_bridge.refused import Refused

LOG = logging.getLogger("push-bridge")
PUSH_LIMIT = 16 * 1024


class Handler(BaseHTTPRequestHandler):
    """One request a connection; a connection that takes too long is cut off."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "push-bridge", ""
    timeout = 10  # for one read; the whole request has `request_seconds`

    def setup(self) -> None:
        """Set the time limit before the first byte is read."""
        super().setup()
        self._limit(self.server.bridge.config.request_seconds)

    def _limit(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """End the time limit with the request."""
        self._timer.cancel()
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        """Answer status, history and metrics."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Take a report."""
        self._answer(self._post)

    def do_PUT(self) -> None:
        """Take a backup."""
        self._answer(self._put)

    def _answer(self, act: Callable[[str, str], tuple[int, str, object]]) -> None:
        kind, status, content = "application/json", 500, object()
        try:
            _, first, second, *more = [*urlsplit(self.path).path.split("/"), "", ""]
            if any(more):
                raise Refused(404, "no such path")
            status, kind, content = act(first, second)
        except Refused as refusal:
            status, content = refusal.status, {"error": refusal.reason}
            LOG.warning(
                "%s %.80r from %s: %d %s", self.command, self.path, self.client_address[0], status, refusal.reason
            )
        except (OSError, sqlite3.Error) as fault:
            status, content = 503, {"error": f"the bridge cannot do it: {type(fault).__name__}"}
            LOG.error("%s %.80r: %s", self.command, self.path, fault)
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode() + b"\n"
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            if status >= 400:
                self._discard()

    def _discard(self) -> None:
        """Read what a refused client still sends, for a moment: closing before that would take the answer from it."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        for _ in range(16):
            if not self.connection.recv(65536):
                return

    def _get(self, first: str, second: str) -> tuple[int, str, object]:
        bridge = self.server.bridge
        if (first, second) == ("status", ""):
            return 200, "application/json", bridge.status()
        if (first, second) == ("metrics", ""):
            return 200, "text/plain; version=0.0.4", bridge.metrics()
        if first == "history" and second:
            try:
                hours = float(parse_qs(urlsplit(self.path).query).get("hours", ["24"])[0])
            except ValueError:
                raise Refused(400, "hours is not a number") from None
            return 200, "application/json", bridge.history(second, hours)
        raise Refused(404, "no such path")

    def _size(self) -> int:
        text = self.headers.get("Content-Length", "")
        if not text.isdecimal():
            raise Refused(411, "it needs a Content-Length")
        return int(text)

    def _post(self, first: str, node: str) -> tuple[int, str, object]:
        if first != "push" or not node:
            raise Refused(404, "no such path")
        self.server.bridge.allow(node, self.headers.get("Authorization", ""))
        size = self._size()
        if size > PUSH_LIMIT:
            raise Refused(413, f"more than {PUSH_LIMIT} bytes")
        return 200, "application/json", {"ok": True, "alerts": self.server.bridge.push(node, self.rfile.read(size))}

    def _put(self, first: str, node: str) -> tuple[int, str, object]:
        if first != "backup" or not node:
            raise Refused(404, "no such path")
        self.server.bridge.allow(node, self.headers.get("Authorization", ""))
        self._timer.cancel()
        self._limit(self.server.bridge.config.backup_seconds)
        stored = self.server.bridge.backups.take(node, self._size(), self.rfile.read1)
        LOG.info("%s: a backup of %d bytes", node, stored["bytes"])
        return 201, "application/json", {"ok": True, **stored}

    def log_message(self, format: str, *args: object) -> None:
        """Leave successful requests out of the log: there are some 46000 a day."""


class Server(ThreadingHTTPServer):
    """Serves at most so many connections at a time."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self._free = threading.BoundedSemaphore(bridge.config.connections)
        super().__init__((bridge.config.listen, bridge.config.port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take the connection when one is free within a second; otherwise close it."""
        if self._free.acquire(timeout=1):
            super().process_request(request, client_address)
        else:
            LOG.warning("too many connections: one from %s is closed", client_address[0])
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a fault of ours by its kind; a message could repeat what the client sent."""
        LOG.error("a request from %s failed: %s", client_address[0], type(sys.exception()).__name__)

    def drain(self, seconds: float) -> None:
        """Wait for the requests that are under way."""
        until = time.monotonic() + seconds
        for _ in range(self.bridge.config.connections):
            if not self._free.acquire(timeout=max(0, until - time.monotonic())):
                LOG.warning("requests were cut off by the stop")
                return
