"""resource-report: what each machine used this week, in a message that a person reads on a telephone."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from estate_watch.result import Result
from estate_watch.run import CommandError, document

QUERIES = {
    "cpu": '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[7d])))',
    "memory": "100 * max_over_time((1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)[7d:10m])",
    "disk": '100 * max by (instance) (1 - node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"})',  # noqa: E501
}
"""Over seven days: CPU on average, memory at its most, the root file system now; percent."""


def report(settings: dict[str, Any], memory: dict[str, Any], now: float) -> Result:
    """Ask Prometheus and write the message; a machine without figures is a fault."""
    result = Result()
    found: dict[str, dict[str, float]] = {}
    try:
        for name, query in QUERIES.items():
            for row in _query(settings["prometheus"], query):
                found.setdefault(row["metric"].get("instance", ""), {})[name] = float(row["value"][1])
    except (CommandError, KeyError, TypeError, ValueError) as fault:
        result.faults.append(f"Prometheus has no figures: {fault}")
        return result
    lines = []
    for place in settings["machines"]:
        figures = found.get(place["instance"])
        if figures is None:
            lines.append(f"{place['name']}: no figures")
            result.faults.append(f"{place['name']} has no figures in Prometheus")
            continue
        lines.append(f"{place['name']}: {_line(figures)}")
    result.message = "\n".join([f"📊 Week of {settings['title']}: CPU on average, memory at most, disk now", *lines])
    return result


def _line(figures: dict[str, float]) -> str:
    return " · ".join(f"{name} {figures[name]:.0f} %" for name in QUERIES if name in figures)


def _query(prometheus: dict[str, Any], query: str) -> list[dict[str, Any]]:
    url = f"{prometheus['base']}/api/v1/query?query={quote(query)}"
    answer = document([*prometheus["command"], url])
    rows: list[dict[str, Any]] = answer["data"]["result"]
    return rows
