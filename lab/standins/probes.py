"""Real connections to PostgreSQL, Redis and HTTP endpoints, as the real services make them."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit


class ProbeError(ConnectionError):
    """A dependency did not answer, or refused the credentials."""


def postgres(uri: str) -> None:
    """Log in and run a query."""
    import psycopg  # type: ignore[import-not-found,unused-ignore]

    try:
        with psycopg.connect(uri, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as fault:
        raise ProbeError(f"PostgreSQL: {str(fault).strip()}") from fault


def _command(*words: str) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return (f"*{len(words)}\r\n" + "".join(parts)).encode()


def redis(uri: str) -> None:
    """Authenticate and ping."""
    parts = urlsplit(uri)
    commands = []
    if parts.password:
        user = [unquote(parts.username)] if parts.username else []
        commands.append(_command("AUTH", *user, unquote(parts.password)))
    try:
        with socket.create_connection((parts.hostname or "localhost", parts.port or 6379), timeout=5) as link:
            reader = link.makefile("rb")
            for command in [*commands, _command("PING")]:
                link.sendall(command)
                answer = reader.readline().decode(errors="replace").strip()
                if not answer.startswith("+"):
                    raise ProbeError(f"Redis: {answer.lstrip('-') or 'the connection was closed'}")
    except OSError as fault:
        if isinstance(fault, ProbeError):
            raise
        raise ProbeError(f"Redis: {fault}") from fault


def http(url: str) -> None:
    """Get any answer which is not a server error."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310
            return
    except urllib.error.HTTPError as answer:
        if answer.code >= 500:
            raise ProbeError(f"{url}: status {answer.code}") from answer
    except (OSError, ValueError) as fault:
        raise ProbeError(f"{url}: {fault}") from fault
