"""Telegram and metrics. Directly, not through Alertmanager: that a tunnel is cut cannot be told through the tunnel.

A fault is told when it is new, again each day while it lasts, and once when it is over. What could not be sent is
sent by the next run.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from estate_watch.config import Config, WatchError, write
from estate_watch.result import Result

AGAIN = 24 * 3600
"""seconds after which a fault that lasts is told again"""
LONGEST = 4000
"""characters; Telegram refuses more than 4096"""


def text_of(config: Config, job: str, result: Result, told: dict[str, Any], now: float) -> str:
    """What there is to say, if anything."""
    before, since = list(told.get("faults", [])), float(told.get("at", 0))
    if result.message:
        return result.message
    if result.faults and (result.faults != before or now - since >= AGAIN):
        return "\n".join([f"⚠️ {config.host}: {job}", *(f"• {fault}" for fault in result.faults)])
    if before and not result.faults:
        return f"✅ {config.host}: {job} is well again"
    return ""


def send(config: Config, text: str) -> None:
    """Send a message. Raises WatchError without the address, which has the token in it."""
    try:
        access = json.loads(config.telegram.read_text())
        url = f"{config.api}/bot{access['token']}/sendMessage"
        body = json.dumps({"chat_id": access["chat"], "text": text[:LONGEST]}).encode()
    except (OSError, ValueError, KeyError) as fault:
        raise WatchError(f"{config.telegram}: cannot be read ({type(fault).__name__}); deploy again") from None
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - configured
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - configured
            answer.read()
    except urllib.error.HTTPError as fault:
        raise WatchError(f"Telegram refused the message: {fault.code}") from None
    except (OSError, ValueError) as fault:
        raise WatchError(f"Telegram cannot be reached: {type(fault).__name__}") from None


def samples(config: Config, job: str, result: Result, now: float) -> None:
    """Write this job's part of the textfile; that of the others stays."""
    if config.metrics is None:
        return
    result.value("ok", not result.faults, job=job)
    result.value("last_run_timestamp_seconds", now, job=job)
    mine = config.state / f"{job}.prom"
    write(mine, "".join(f"{name} {value!r}\n" for name, value in sorted(result.values.items())), 0o600)
    lines = sorted({line for part in config.state.glob("*.prom") for line in part.read_text().splitlines()})
    named = {line.partition("{")[0].partition(" ")[0] for line in lines}
    heads = [f"# TYPE {name} gauge" for name in sorted(named)]
    write(config.metrics, "".join(f"{line}\n" for line in (*heads, *lines)), 0o644)
