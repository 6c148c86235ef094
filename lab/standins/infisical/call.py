"""One API call, as the handlers see it, and what they share."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from lab.standins.infisical.settings import Settings
from lab.standins.infisical.store import Row, Store


@dataclass
class Server:
    """What every handler works on.

    + now: seconds since the epoch; tests move it
    """

    store: Store
    settings: Settings
    now: Callable[[], float]
    failures: dict[str, list[float]] = field(default_factory=dict)
    """By client id: when logins failed."""


@dataclass(frozen=True)
class Principal:
    """Who calls: a machine identity, a user, or a legacy service token."""

    kind: str
    row: Row

    @property
    def is_admin(self) -> bool:
        """Whether it is the instance's or the organization's admin."""
        return self.kind != "service-token" and self.row.get("role") == "admin"


@dataclass(frozen=True)
class Call:
    """Method, path parameters, query and body (one mapping, as both name the same things), and the caller."""

    server: Server
    method: str
    path: dict[str, str]
    words: dict[str, Any]
    principal: Principal | None = None

    @property
    def store(self) -> Store:
        """The server's store."""
        return self.server.store

    @property
    def caller(self) -> Principal:
        """The caller of a call that needs one."""
        assert self.principal is not None  # noqa: S101 - the router has seen to it
        return self.principal

    def flag(self, *names: str) -> bool:
        """Whether any of these parameters is on; in a query they are texts."""
        return any(str(self.words.get(name, "")).lower() == "true" for name in names)


def new_id() -> str:
    """A new row's id."""
    return str(uuid.uuid4())


def stamp(seconds: float) -> str:
    """A time as the API writes it."""
    text = datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017
    return text.replace("+00:00", "Z")
