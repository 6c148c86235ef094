"""A firing alert through the host's Alertmanager. That it cannot be told never makes a backup fail.

Its labels are those of Prometheus' alert of the same name (templates/prometheus/rules.yml.j2): the two are one alert,
which begins at once and ends when the metric is good again. The message to Telegram is made of its annotations.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from estate_backup import proc
from estate_backup.config import Config
from estate_backup.errors import BackupError
from estate_backup.report import iso

LOG = logging.getLogger("estate-backup")
CONTAINER = "alertmanager"
LASTS = 24 * 3600
"""seconds; without an end Alertmanager forgets the alert after its resolve_timeout, five minutes"""


def alert(
    config: Config, name: str, summary: str, action: str, faults: Sequence[str], labels: Mapping[str, str] | None = None
) -> bool:
    """Raise an alert; returns whether Alertmanager took it.

    + action: what to type on the host; the program's path is put in place of PROGRAM
    + labels: those that the rule's own alert has beside service, severity and host
    """
    now = time.time()
    pairs = {"alertname": name, "severity": "critical", "service": "backups", "host": config.host, **(labels or {})}
    action = action.replace("PROGRAM", str(config.base / "scripts" / "estate-backup"))
    told = {"summary": summary, "action": action, "description": " | ".join(faults)[:1500]}
    notes = [f"--annotation={key}={_quoted(value)}" for key, value in told.items()]
    times = [f"--start={iso(now)}", f"--end={iso(now + LASTS)}"]
    argv = ["docker", "exec", CONTAINER, "amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "add"]
    try:
        found = proc.output(["docker", "inspect", "--format", "{{.State.Running}}", CONTAINER], timeout=30)
        if found.strip() != "true":
            raise BackupError(CONTAINER, "does not run")
        proc.output([*argv, *times, *notes, *(f"{key}={_quoted(value)}" for key, value in pairs.items())], timeout=60)
    except BackupError as fault:
        LOG.warning("no alert was raised: %s", fault)
        return False
    return True


def _quoted(value: str) -> str:
    """A value as amtool reads it (prometheus/alertmanager, matcher/compat)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
