"""Settings from the environment, overridden by the data folder's config.json, as Vaultwarden does."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.standins.common import secret_setting

OVERRIDDEN = "[WARNING] The following environment variables are being overridden by the config.json file."


class SettingsError(ValueError):
    """Vaultwarden does not start with these settings."""


@dataclass(frozen=True)
class Settings:
    """What this stand-in uses of the settings."""

    folder: Path
    host: str
    port: int
    domain: str
    admin_token: str
    signups_allowed: bool
    database_url: str
    overridden: tuple[str, ...] = field(default=())

    @property
    def prefix(self) -> str:
        """The path under which the domain serves."""
        return "/" + self.domain.partition("://")[2].partition("/")[2].strip("/")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        if not self.database_url:
            return self.folder / "db.sqlite3"
        if self.database_url.startswith(("postgresql://", "mysql://")):
            raise SettingsError("this stand-in has SQLite only; DATABASE_URL names another engine")
        return Path(self.database_url.removeprefix("sqlite://"))


def _stored(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text())
    except ValueError as fault:
        raise SettingsError(f"{path}: {fault}") from fault
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: not an object")
    return document


def read(environment: Mapping[str, str]) -> Settings:
    """Read the settings; say which variables have no effect."""
    folder = Path(environment.get("DATA_FOLDER", "/data"))
    stored = _stored(folder)
    known = ("DOMAIN", "ADMIN_TOKEN", "SIGNUPS_ALLOWED", "DATABASE_URL")
    overridden = tuple(n for n in known if n in environment and n.lower() in stored)

    def setting(name: str, default: str = "") -> str:
        given = secret_setting(environment, name, "_FILE")
        return str(stored.get(name.lower(), default if given is None else given))

    domain = setting("DOMAIN", "http://localhost")
    if not domain.startswith(("http://", "https://")):
        raise SettingsError("DOMAIN variable needs to contain the protocol (http, https)")
    return Settings(
        folder=folder,
        host=environment.get("ROCKET_ADDRESS", "0.0.0.0"),  # noqa: S104
        port=int(environment.get("ROCKET_PORT", "80")),
        domain=domain,
        admin_token=setting("ADMIN_TOKEN"),
        signups_allowed=setting("SIGNUPS_ALLOWED", "true").lower() == "true",
        database_url=setting("DATABASE_URL"),
        overridden=overridden,
    )


def warn(settings: Settings) -> None:
    """Print the warnings which the real server prints at start."""
    if settings.overridden:
        print(OVERRIDDEN, *settings.overridden, sep="\n", file=sys.stderr)
    if settings.admin_token and not settings.admin_token.startswith("$argon2"):
        print(
            "[NOTICE] You are using a plain text `ADMIN_TOKEN` which is insecure.\n"
            "Please generate a secure Argon2 PHC string by using `vaultwarden hash`",
            file=sys.stderr,
        )
