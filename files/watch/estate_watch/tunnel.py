"""tunnel-monitor: does a page of the homelab come through the tunnel? An "online" flag has been wrong both ways.

After some failures in a row the tunnel's end here is started anew; each time the wait until the next start doubles,
and there is a most of starts a day: a tunnel that others have cut must not be hammered.
"""

from __future__ import annotations

from typing import Any

from estate_watch.result import Result
from estate_watch.run import CommandError, output
from estate_watch.web import ask

DAY = 86400


def tunnel(settings: dict[str, Any], memory: dict[str, Any], now: float) -> Result:
    """Ask through the tunnel; start its end anew when that is due."""
    answer = ask(settings["url"], settings["address"], settings.get("ca"))
    flows = not answer.fault and answer.status == 200 and settings["contains"] in answer.body
    result = Result()
    starts = [at for at in memory.get("starts", []) if now - at < DAY]
    result.value("tunnel_up", flows)
    result.value("tunnel_seconds", answer.seconds)
    result.value("tunnel_restarts_today", len(starts))
    if flows:
        result.memory = {"failures": 0, "starts": starts}
        return result
    failures = int(memory.get("failures", 0)) + 1
    what = answer.fault or f"{answer.status}, without what the homelab's own page says"
    # One lost packet is no cut tunnel: it is told with the first start
    if failures >= settings["failures"]:
        result.faults.append(f"no data come through the tunnel: {settings['url']}: {what}")
        if _due(settings, starts, now):
            starts = [*starts, now]
            _start(settings, result)
        elif settings["per_day"] and len(starts) >= settings["per_day"]:
            result.faults.append(f"it was started anew {len(starts)} times today, and will not be again")
    result.memory = {"failures": failures, "starts": starts}
    return result


def _due(settings: dict[str, Any], starts: list[float], now: float) -> bool:
    if len(starts) >= settings["per_day"]:
        return False
    return not starts or now - starts[-1] >= settings["first_wait"] * 2 ** (len(starts) - 1)


def _start(settings: dict[str, Any], result: Result) -> None:
    try:
        output(settings["restart"], timeout=120)
    except CommandError as fault:
        result.faults.append(f"its end here could not be started anew: {fault}")
