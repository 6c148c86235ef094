"""Metrics for node_exporter's textfile collector; values stay until they are set again.

Format: prometheus.io/docs/instrumenting/exposition_formats. The names are fixed: alerts and a dashboard read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from estate_backup import state
from estate_backup.config import Config

NAMES = {
    "estate_backup_last_start_timestamp_seconds": "When a backup of this kind last started.",
    "estate_backup_last_success_timestamp_seconds": "When a set of this kind last arrived whole in this store.",
    "estate_backup_last_result": "1: the last backup of this kind had no fault; 0: it had.",
    "estate_backup_set_size_bytes": "Size of the newest set of this kind in this store, without objects.",
    "estate_backup_set_duration_seconds": "How long the last backup of this kind took.",
    "estate_backup_sets": "Complete sets of this kind in this store.",
    "estate_backup_service_bytes": "Plaintext bytes of the service in the last backup.",
    "estate_backup_service_ok": "1: the last backup has the service; 0: it failed or is suspect.",
    "estate_backup_last_check_timestamp_seconds": "When this store was last checked.",
    "estate_backup_last_check_ok": "1: the last check of this store found nothing wrong.",
    "estate_backup_last_drill_timestamp_seconds": "When the last drill ended.",
    "estate_backup_last_drill_ok": "1: the last drill proved every service.",
    "estate_backup_drill_rto_seconds": "From download to proven, in the last drill.",
    "estate_backup_drill_rpo_seconds": "Age of the drilled set's start, in the last drill.",
    "estate_backup_drill_service_ok": "1: the last drill proved the service.",
    "estate_backup_suspect_sets": "Sets in this store that shrank and are not accepted.",
}


class Metrics:
    """The values of all metrics; `write` puts them where node_exporter reads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._changes: dict[str, float] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set one sample. Raises KeyError for a name that is not among NAMES."""
        if name not in NAMES:
            raise KeyError(name)
        self._changes[json.dumps([name, sorted(labels.items())])] = float(value)

    def write(self) -> None:
        """Write state and textfile, each whole."""
        values = state.update(self._config.state / state.METRICS, lambda kept: kept.update(self._changes))
        self._config.metrics.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        state.write(self._config.metrics, text(values), 0o644)


def text(values: Mapping[str, float]) -> str:
    """The exposition format."""
    samples: dict[str, list[str]] = {}
    for key, value in sorted(values.items()):
        name, labels = json.loads(key)
        if name in NAMES:
            samples.setdefault(name, []).append(f"{name}{_labels(labels)} {value!r}")
    lines = []
    for name, found in samples.items():
        lines += [f"# HELP {name} {NAMES[name]}", f"# TYPE {name} gauge", *found]
    return "".join(f"{line}\n" for line in lines)


def _labels(pairs: list[Any]) -> str:
    if not pairs:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
