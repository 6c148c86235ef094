"""The environment which Infisical requires; every fault is in the one error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """Infisical does not start with this environment."""


@dataclass(frozen=True)
class Settings:
    """What the server runs with."""

    encryption_key: str
    auth_secret: str
    database: str
    redis: str
    site_url: str
    host: str
    port: int


def read(environment: Mapping[str, str]) -> Settings:
    """Read and check the environment."""
    faults = [
        f"{name}: Required"
        for name in ("ENCRYPTION_KEY", "AUTH_SECRET", "DB_CONNECTION_URI", "REDIS_URL", "SITE_URL")
        if not environment.get(name)
    ]
    key = environment.get("ENCRYPTION_KEY", "")
    if key and not re.fullmatch(r"[0-9a-fA-F]{32}", key):
        faults.append(f"ENCRYPTION_KEY: {len(key)} characters; 32 hexadecimal digits are needed")
    for name, schemes in (
        ("DB_CONNECTION_URI", ("postgres", "postgresql")),
        ("REDIS_URL", ("redis", "rediss")),
        ("SITE_URL", ("http", "https")),
    ):
        text = environment.get(name)
        if text and (urlsplit(text).scheme not in schemes or not urlsplit(text).hostname):
            faults.append(f"{name}: not a URL with the scheme {' or '.join(schemes)}")
    if faults:
        raise SettingsError("\n".join(faults))
    return Settings(
        encryption_key=key,
        auth_secret=environment["AUTH_SECRET"],
        database=environment["DB_CONNECTION_URI"],
        redis=environment["REDIS_URL"],
        site_url=environment["SITE_URL"],
        host=environment.get("HOST", "0.0.0.0"),  # noqa: S104
        port=int(environment.get("PORT", "8080")),
    )
