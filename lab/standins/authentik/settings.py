"""The environment that Authentik reads; every fault is in the one error.

Names, `file://` and `env://` values: facts/homelab-vps.md, 2.2.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import quote

PRIVATE = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fe80::/10,::1/128"
"""Authentik's default for trusted proxies: anybody in a private network may say who the client is."""
BLUEPRINTS = Path("/blueprints")


class SettingsError(ValueError):
    """Authentik does not start with this environment."""


@dataclass(frozen=True)
class Settings:
    """What server and worker run with."""

    secret_key: str
    database: str
    bootstrap_password: str
    bootstrap_token: str
    bootstrap_email: str
    host: str
    port: int
    metrics_port: int
    trusted: tuple[IPv4Network | IPv6Network, ...]
    blueprints: Path = BLUEPRINTS / "custom"


def value(environment: Mapping[str, str], name: str, default: str = "") -> str:
    """A setting; `file://PATH` and `env://NAME` are looked up."""
    text = environment.get(name, default)
    if text.startswith("file://"):
        path = Path(text.removeprefix("file://").partition("?")[0])
        if not path.is_file():
            raise SettingsError(f"{name}: {path} is not there")
        return path.read_text().strip()
    if text.startswith("env://"):
        return environment.get(text.removeprefix("env://"), "")
    return text


def _database(environment: Mapping[str, str]) -> str:
    part = {
        name: value(environment, f"AUTHENTIK_POSTGRESQL__{name.upper()}", default)
        for name, default in {
            "host": "localhost",
            "port": "5432",
            "name": "authentik",
            "user": "authentik",
            "password": "",
            "sslmode": "verify-ca",
        }.items()
    }
    if part["sslmode"] not in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        raise SettingsError(f"AUTHENTIK_POSTGRESQL__SSLMODE: {part['sslmode']} is none")
    who = f"{quote(part['user'], '')}:{quote(part['password'], '')}"
    where = f"{part['host']}:{part['port']}/{quote(part['name'], '')}"
    return f"postgresql://{who}@{where}?sslmode={part['sslmode']}"


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the environment."""
    secret_key = value(environment, "AUTHENTIK_SECRET_KEY")
    if not secret_key:
        raise SettingsError("AUTHENTIK_SECRET_KEY: Secret key missing")
    password = environment.get("AUTHENTIK_BOOTSTRAP_PASSWORD", "")
    for name in ("PASSWORD", "TOKEN", "EMAIL"):
        if environment.get(f"AUTHENTIK_BOOTSTRAP_{name}", "").startswith("file://"):
            raise SettingsError(f"AUTHENTIK_BOOTSTRAP_{name}: file:// is not read here; it would be taken literally")
    if password and environment.get("AUTHENTIK_BOOTSTRAP_PASSWORD_HASH"):
        raise SettingsError("AUTHENTIK_BOOTSTRAP_PASSWORD and _PASSWORD_HASH: give one of them")
    listen = value(environment, "AUTHENTIK_LISTEN__HTTP", "[::]:9000")
    host, _, port = listen.rpartition(":")
    cidrs = value(environment, "AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", PRIVATE)
    try:
        trusted = tuple(ip_network(text.strip()) for text in cidrs.split(",") if text.strip())
    except ValueError as fault:
        raise SettingsError(f"AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS: {fault}") from None
    return Settings(
        secret_key=secret_key,
        database=_database(environment),
        bootstrap_password=password or environment.get("AUTHENTIK_BOOTSTRAP_PASSWORD_HASH", ""),
        bootstrap_token=environment.get("AUTHENTIK_BOOTSTRAP_TOKEN", ""),
        bootstrap_email=environment.get("AUTHENTIK_BOOTSTRAP_EMAIL", "root@example.com"),
        host=host.strip("[]"),
        port=int(port),
        metrics_port=int(value(environment, "AUTHENTIK_LISTEN__METRICS", "[::]:9300").rpartition(":")[2]),
        trusted=trusted,
    )
