"""Requests and handshakes as a stranger makes them: to an address of our choice, under a name, verified."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BODY = 200_000
"""bytes of an answer that are read"""


@dataclass(frozen=True)
class Answer:
    """How a site answered; `fault` when it did not."""

    status: int = 0
    seconds: float = 0.0
    body: str = ""
    fault: str = ""


def _context(ca: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def _open(name: str, address: str, port: int, ca: str | None, timeout: float) -> ssl.SSLSocket:
    plain = socket.create_connection((address, port), timeout=timeout)
    try:
        return _context(ca).wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def _said(fault: Exception) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {fault.verify_message}"
    return f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__


def ask(url: str, address: str, ca: str | None = None, timeout: float = 10) -> Answer:
    """One GET; redirects are answers."""
    parts = urlsplit(url)
    name, path = parts.hostname or "", parts.path or "/"
    begun = time.monotonic()
    connection = http.client.HTTPConnection(name)
    try:
        if parts.scheme == "https":
            connection.sock = _open(name, address, parts.port or 443, ca, timeout)
        else:
            connection.sock = socket.create_connection((address, parts.port or 80), timeout=timeout)
        target = f"{path}?{parts.query}" if parts.query else path
        connection.request("GET", target, headers={"Host": parts.netloc, "User-Agent": "estate-watch"})
        response = connection.getresponse()
        body = response.read(BODY).decode(errors="replace")
        return Answer(response.status, time.monotonic() - begun, body)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        return Answer(seconds=time.monotonic() - begun, fault=_said(fault))
    finally:
        connection.close()


def days_left(name: str, address: str, port: int, now: float, ca: str | None = None) -> tuple[float, str, str]:
    """Days until the certificate that is really served ends, the TLS version, and the fault, if any."""
    try:
        with _open(name, address, port, ca, 10) as link:
            found: dict[str, Any] = link.getpeercert() or {}
            return (ssl.cert_time_to_seconds(str(found["notAfter"])) - now) / 86400, link.version() or "", ""
    except (OSError, ValueError, KeyError) as fault:
        return -1.0, "", _said(fault)
