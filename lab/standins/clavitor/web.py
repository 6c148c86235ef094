"""The listening sockets: port 80 for challenges and the redirect, port 443 for the vault."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import socket
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.standins.clavitor import HEADER, SOFTWARE
from lab.standins.clavitor.certificates import Certificates
from lab.standins.clavitor.database import Database
from lab.standins.clavitor.machine import LastHour
from lab.standins.clavitor.settings import Settings
from lab.standins.clavitor.stamp import Stamp

CHALLENGE = re.compile(r"/\.well-known/acme-challenge/([A-Za-z0-9_-]+)")
RECORD = re.compile(r"/api/vault/([A-Za-z0-9._-]{1,100})")
LARGEST = 64 * 1024
Answer = tuple[int, dict[str, object]]


class Vault:
    """What the requests work on."""

    def __init__(self, settings: Settings, stamp: Stamp, database: Database, certificates: Certificates) -> None:
        self.settings, self.stamp, self.database, self.certificates = settings, stamp, database, certificates
        self.hour = LastHour()
        self._turn = itertools.count()

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a request on port 443."""
        if self.stamp.fault == "slow":
            time.sleep(3)
        if path == "/health":
            return self._health()
        if self.stamp.fault == "errors" and next(self._turn) % 2:
            return 500, {"error": "a fault that was built in"}
        try:
            return self._vault(method, path, body)
        except sqlite3.Error as fault:
            self.database.integrity = str(fault)[:200] or "error"
            return 500, {"error": "the database failed"}

    def _health(self) -> Answer:
        integrity = "built to be unhealthy" if self.stamp.fault == "unhealthy" else self.database.integrity
        about: dict[str, object] = {"node": self.settings.node, "version": self.stamp.version}
        if integrity == "ok":
            return 200, {"status": "ok", **about}
        return 503, {"status": "unhealthy", **about, "reason": integrity}

    def _vault(self, method: str, path: str, body: bytes) -> Answer:
        if path == "/api/vault" and method == "GET":
            return 200, {"stand_in": True, "names": self.database.names()}
        record = RECORD.fullmatch(path)
        if record is None or method not in ("GET", "PUT"):
            return 404, {"error": "no such path"}
        if method == "PUT":
            self.database.put(record[1], body.decode(errors="replace"))
            return 200, {"name": record[1], "stored": len(body)}
        value = self.database.get(record[1])
        return (404, {"error": "no such record"}) if value is None else (200, {"name": record[1], "value": value})


class _Handler(BaseHTTPRequestHandler):
    """One request a connection; every answer is labelled."""

    server: Port
    protocol_version = "HTTP/1.1"
    server_version, sys_version = SOFTWARE, ""
    timeout = 10

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def _serve(self) -> None:
        size = self.headers.get("Content-Length", "0")
        if not size.isdecimal() or int(size) > LARGEST:
            # what is left unread when the connection closes would take the answer from the client
            self.rfile.read(min(int(size), 16 * LARGEST) if size.isdecimal() else 0)
            return self._send(413, json.dumps({"error": f"more than {LARGEST} bytes"}).encode(), {})
        return self._send(*self.server.respond(self.command, self.path.partition("?")[0], self.rfile.read(int(size))))

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        standard = {HEADER: SOFTWARE, "Content-Length": str(len(body)), "Connection": "close"}
        for name, value in {**standard, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log no request: a vault's paths are its users' affair."""


class Port(ThreadingHTTPServer):
    """A listening socket that ends by answering everyone who is connected or waits to be."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, vault: Vault, port: int) -> None:
        self.vault = vault
        self._busy, self._idle = 0, threading.Condition()
        super().__init__((vault.settings.address, port), _Handler)

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Answer a request: status, body, headers."""
        raise NotImplementedError

    @property
    def active(self) -> int:
        """Connections that are being served."""
        return self._busy

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it in a thread of its own, counted."""
        with self._idle:
            self._busy += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it and count it out."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are everyday."""

    def drain(self, seconds: float) -> None:
        """After `shutdown`: take who waits in the socket's queue, close it, and let all of them finish."""
        self.socket.settimeout(0)
        with contextlib.suppress(OSError):
            while True:
                self.process_request(*self.get_request())
        self.socket.close()
        with self._idle:
            self._idle.wait_for(lambda: not self._busy, seconds)


class Plain(Port):
    """Port 80: the challenges of ACME; all else is sent to port 443, as Go's autocert does."""

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Give a challenge's text, or the redirect."""
        challenge = CHALLENGE.fullmatch(path)
        if challenge:
            file = self.vault.certificates.challenges / challenge[1]
            if not file.is_file():
                return 404, b"", {}
            return 200, file.read_bytes(), {"Content-Type": "application/octet-stream"}
        if method not in ("GET", "HEAD"):
            return 400, b"Use HTTPS\n", {}
        return 302, b"", {"Location": f"https://{self.vault.settings.domain}{path}"}


class Tls(Port):
    """Port 443."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread: a client that does not answer delays nobody."""
        request.settimeout(10)
        secure = self.vault.certificates.context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(secure, client_address)
        finally:
            with contextlib.suppress(OSError):
                secure.shutdown(socket.SHUT_WR)
            secure.close()

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Answer for the vault, and count it."""
        status, document = self.vault.answer(method, path, body)
        self.vault.hour.count(error=status >= 500)
        return status, json.dumps(document).encode() + b"\n", {"Content-Type": "application/json"}
