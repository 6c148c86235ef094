"""The static configuration, refused where Traefik refuses it: unknown keys, missing addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KNOWN: dict[str, frozenset[str]] = {
    "": frozenset(
        (
            *("global", "providers", "experimental", "log", "accessLog", "certificatesResolvers", "entryPoints"),
            *("ping", "serversTransport", "api"),
        )
    ),
    "providers": frozenset(("http", "file")),
    "accessLog": frozenset(("filePath", "format")),
    "serversTransport": frozenset(("insecureSkipVerify",)),
    "ping": frozenset(("entryPoint",)),
}
_ENTRY = frozenset(("address", "http", "transport"))
_ENTRY_HTTP = frozenset(("redirections", "middlewares", "tls"))


class ConfigError(ValueError):
    """Traefik does not start with this configuration."""


@dataclass(frozen=True)
class EntryPoint:
    """A port: of sites, or a raw one."""

    name: str
    host: str
    port: int
    protocol: str
    redirect_to: str
    middlewares: tuple[str, ...]
    tls: bool


@dataclass(frozen=True)
class Static:
    """What this stand-in uses."""

    entry_points: dict[str, EntryPoint]
    http_provider: str
    poll: float
    file_provider: Path | None
    plugins: frozenset[str]
    access_log: Path | None
    acme: dict[str, Any]
    ping: str


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name) or {}
    if extra := sorted(found.keys() - KNOWN[name]) if name in KNOWN else []:
        raise ConfigError(f"field not found, node: {name}.{extra[0]}")
    return dict(found)


def _entry(name: str, given: dict[str, Any]) -> EntryPoint:
    http = given.get("http") or {}
    for extra in (*sorted(given.keys() - _ENTRY), *sorted(http.keys() - _ENTRY_HTTP)):
        raise ConfigError(f"field not found, node: entryPoints.{name}.{extra}")
    address, _, protocol = str(given.get("address", "")).partition("/")
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise ConfigError(f"entryPoints.{name}: invalid address {address!r}")
    redirect = (http.get("redirections") or {}).get("entryPoint") or {}
    return EntryPoint(
        name,
        host,
        int(port),
        protocol or "tcp",
        str(redirect.get("to", "")),
        tuple(http.get("middlewares") or ()),
        "tls" in http,
    )


def seconds(text: str) -> float:
    """Read a duration such as 5s."""
    return float(text.removesuffix("s"))


def read(text: str) -> Static:
    """Read the file's text. Raises ConfigError."""
    document = yaml.safe_load(text) or {}
    if extra := sorted(document.keys() - KNOWN[""]):
        raise ConfigError(f"field not found, node: {extra[0]}")
    if (document.get("api") or {}).get("insecure"):
        raise ConfigError("this stand-in has no API: api.insecure would publish one")
    providers = _section(document, "providers")
    access = _section(document, "accessLog")
    if access.get("format", "common") != "common":
        raise ConfigError("accessLog.format: this stand-in writes the common format only")
    if _section(document, "serversTransport").get("insecureSkipVerify"):
        raise ConfigError("serversTransport.insecureSkipVerify: this stand-in always verifies")
    resolvers = document.get("certificatesResolvers") or {}
    http = providers.get("http") or {}
    entries = {name: _entry(name, given or {}) for name, given in (document.get("entryPoints") or {}).items()}
    ping = _section(document, "ping").get("entryPoint", "")
    if ping and ping not in entries:
        raise ConfigError(f"unknown ping entry point: {ping}")
    return Static(
        entry_points=entries,
        http_provider=str(http.get("endpoint", "")),
        poll=seconds(str(http.get("pollInterval", "5s"))),
        file_provider=Path(providers["file"]["filename"]) if providers.get("file") else None,
        plugins=frozenset((document.get("experimental") or {}).get("plugins") or {}),
        access_log=Path(access["filePath"]) if access.get("filePath") else None,
        acme=next((dict(item["acme"]) for item in resolvers.values()), {}),
        ping=ping,
    )
