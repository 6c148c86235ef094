"""Evaluate parsed LogQL over the store, in the shapes the HTTP API answers with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lab.standins.loki.logql import Query
from lab.standins.loki.store import Labels, Store

SECOND = 1_000_000_000
MAX_STEPS = 11_000


def selected(store: Store, query: Query) -> Iterator[tuple[int, Labels]]:
    """Give the streams a query selects."""
    return ((key, labels) for key, labels in store.streams() if query.selects(labels))


def logs(store: Store, query: Query, start: int, end: int, limit: int, *, backward: bool) -> list[dict[str, Any]]:
    """Answer a log query: at most `limit` lines over all streams."""
    found = [
        (at, line, labels)
        for key, labels in selected(store, query)
        for at, line in store.read(key, start, end)
        if query.keeps(line)
    ]
    found.sort(key=lambda row: row[0], reverse=backward)
    streams: dict[str, dict[str, Any]] = {}
    for at, line, labels in found[:limit]:
        entry = streams.setdefault(json.dumps(labels, sort_keys=True), {"stream": labels, "values": []})
        entry["values"].append([str(at), line])
    return list(streams.values())


def _value(query: Query, rows: list[tuple[int, int]]) -> float:
    total = sum(size for _, size in rows) if query.function.startswith("bytes") else len(rows)
    return total / query.window if query.function.endswith("rate") else float(total)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def metric(store: Store, query: Query, times: list[int]) -> list[tuple[Labels, list[list[Any]]]]:
    """Evaluate a metric query at the given times (nanoseconds): labels and [seconds, value] pairs."""
    window = int(query.window * SECOND)
    groups: dict[str, tuple[Labels, list[tuple[int, int]]]] = {}
    for key, labels in selected(store, query):
        kept = query.group(labels)
        rows = groups.setdefault(json.dumps(kept, sort_keys=True), (kept, []))[1]
        lines = store.read(key, min(times) - window, max(times) + 1)
        rows.extend((at, len(line.encode())) for at, line in lines if query.keeps(line))
    answer: list[tuple[Labels, list[list[Any]]]] = []
    for labels, rows in groups.values():
        points: list[list[Any]] = []
        for time in times:
            inside = [row for row in rows if time - window < row[0] <= time]
            if inside:
                points.append([time / SECOND, _number(_value(query, inside))])
        if points:
            answer.append((labels, points))
    return answer
