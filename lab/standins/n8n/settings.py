"""n8n's environment, and the settings file that its encryption key is held to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.standins.common import secret_setting


class SettingsError(ValueError):
    """n8n would not start with this."""


@dataclass(frozen=True)
class Settings:
    """What the stand-in reads; `database` is a connection string."""

    database: str = field(repr=False)
    key: str = field(repr=False)
    folder: Path
    host: str
    webhook_url: str
    port: int = 5678
    metrics: bool = False


def _value(environment: Mapping[str, str], name: str) -> str:
    try:
        return secret_setting(environment, name, "_FILE") or ""
    except OSError as fault:
        raise SettingsError(f"{name}_FILE: {fault.strerror}") from fault


def _database(environment: Mapping[str, str]) -> str:
    if environment.get("DB_TYPE") != "postgresdb":
        raise SettingsError("DB_TYPE: only postgresdb is stood in for")
    words = {
        "host": _value(environment, "DB_POSTGRESDB_HOST") or "localhost",
        "port": _value(environment, "DB_POSTGRESDB_PORT") or "5432",
        "dbname": _value(environment, "DB_POSTGRESDB_DATABASE") or "n8n",
        "user": _value(environment, "DB_POSTGRESDB_USER") or "postgres",
        "password": _value(environment, "DB_POSTGRESDB_PASSWORD"),
        "sslmode": "require" if environment.get("DB_POSTGRESDB_SSL_ENABLED") == "true" else "disable",
        "connect_timeout": "5",
    }
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in words.items()}
    return " ".join(f"{name}='{value}'" for name, value in quoted.items())


def read(environment: Mapping[str, str]) -> Settings:
    """The settings. Raises SettingsError for what n8n would not start with."""
    return Settings(
        database=_database(environment),
        key=_value(environment, "N8N_ENCRYPTION_KEY"),
        folder=Path(environment.get("N8N_USER_FOLDER") or environment.get("HOME", "/home/node")) / ".n8n",
        host=environment.get("N8N_HOST", "localhost"),
        webhook_url=environment.get("WEBHOOK_URL", ""),
        port=int(environment.get("N8N_PORT", "5678")),
        metrics=environment.get("N8N_METRICS") == "true",
    )


def hold_key(settings: Settings) -> None:
    """Keep the encryption key in the settings file, 0600. Raises SettingsError when another one is there."""
    file = settings.folder / "config"
    if file.exists():
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"{file}: permissions are too wide, 0600 is enforced")
        if json.loads(file.read_text()).get("encryptionKey") != settings.key:
            raise SettingsError(
                f"Mismatching encryption keys. The encryption key in the settings file {file} does not match the "
                "N8N_ENCRYPTION_KEY env var."
            )
        return
    if not settings.key:
        raise SettingsError("N8N_ENCRYPTION_KEY: the stand-in makes none of its own, so that none is lost")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(0o600)
    file.write_text(json.dumps({"encryptionKey": settings.key}))
