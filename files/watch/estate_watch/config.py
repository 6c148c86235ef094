"""The configuration that the deploy writes, and what is kept between runs. Neither holds a credential."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class WatchError(Exception):
    """The program itself cannot work: its configuration or its state."""


@dataclass(frozen=True)
class Config:
    """Who watches, what, and where it tells.

    + telegram: file with the bot's token and the chat, for root only
    + api: Telegram's address; empty: what is found is only printed
    + metrics: node exporter's textfile; None where nobody reads one
    + jobs: each job's settings, by its name
    """

    host: str
    state: Path
    metrics: Path | None
    telegram: Path
    api: str
    jobs: dict[str, dict[str, Any]]


def load(path: Path) -> Config:
    """Read the configuration. Raises WatchError when it cannot be read."""
    try:
        given = json.loads(path.read_text())
        metrics = Path(given["metrics"]) if given["metrics"] else None
        places = {name: Path(given[name]) for name in ("state", "telegram")}
        return Config(given["host"], places["state"], metrics, places["telegram"], given["api"], dict(given["jobs"]))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise WatchError(f"{path}: cannot be read: {fault!r}; deploy again") from None


def write(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remembered(config: Config, job: str) -> dict[str, Any]:
    """What the job's last run left; nothing when it left nothing readable: a watch must not stop for that."""
    try:
        found = json.loads((config.state / f"{job}.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(config: Config, job: str, memory: dict[str, Any]) -> None:
    """Keep it for the next run."""
    write(config.state / f"{job}.json", json.dumps(memory, indent=1, sort_keys=True) + "\n", 0o600)
