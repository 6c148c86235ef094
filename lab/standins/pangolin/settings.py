"""Pangolin's configuration file, refused where Pangolin refuses it (server/lib/readConfigFile.ts)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PATH = Path("/app/config/config.yml")
KNOWN = frozenset(
    ("app", "domains", "server", "traefik", "gerbil", "rate_limits", "flags", "email", "orgs", "dns", "postgres")
)


class ConfigError(ValueError):
    """Pangolin does not start with this."""


@dataclass(frozen=True)
class Settings:
    """What this stand-in uses."""

    dashboard: str
    domains: tuple[str, ...]
    resolver: str
    endpoint: str
    port: int
    raw: bool
    setup_token: str


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name) or {}
    if not isinstance(part, dict):
        raise ConfigError(f"{name}: expected an object")
    return part


def read(text: str, environment: Mapping[str, str]) -> Settings:
    """Read the file's text. Raises ConfigError."""
    document = yaml.safe_load(text)
    if not isinstance(document, dict):
        raise ConfigError("the configuration is not an object")
    if unknown := sorted(document.keys() - KNOWN):
        raise ConfigError(f"unknown keys: {', '.join(unknown)}")
    secret = environment.get("SERVER_SECRET") or str(_part(document, "server").get("secret", ""))
    if len(secret) < 8:
        raise ConfigError("server.secret: must contain at least 8 character(s)")
    token = environment.get("PANGOLIN_SETUP_TOKEN", "")
    if token and len(token) != 32:
        raise ConfigError("PANGOLIN_SETUP_TOKEN: must be 32 characters")
    domains = _part(document, "domains")
    if not domains or not all(isinstance(item, dict) and item.get("base_domain") for item in domains.values()):
        raise ConfigError("domains: at least one with a base_domain is needed")
    gerbil = _part(document, "gerbil")
    if not gerbil.get("base_endpoint"):
        raise ConfigError("gerbil.base_endpoint: Required")
    dashboard = str(_part(document, "app").get("dashboard_url", ""))
    if not dashboard.startswith("https://"):
        raise ConfigError("app.dashboard_url: Invalid url")
    return Settings(
        dashboard=dashboard,
        domains=tuple(item["base_domain"] for item in domains.values()),
        resolver=next(iter(domains.values())).get("cert_resolver", "letsencrypt"),
        endpoint=gerbil["base_endpoint"],
        port=int(gerbil.get("start_port", 51820)),
        raw=_part(document, "flags").get("allow_raw_resources") is True,
        setup_token=token,
    )
