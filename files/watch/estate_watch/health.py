"""health-check: every site answers in time, every container of the project runs and is healthy, no unit has failed."""

from __future__ import annotations

import json
from typing import Any

from estate_watch.result import Result
from estate_watch.run import CommandError, output
from estate_watch.web import ask

OWN = "estate-watch-"
"""This program's own units: that one of them failed is told by what it found."""


def health(settings: dict[str, Any], memory: dict[str, Any], now: float) -> Result:
    """Ask all of them; one that does not answer does not hide the others."""
    result = Result()
    for site in settings.get("sites", []):
        _site(site, settings.get("ca"), result)
    if project := settings.get("project"):
        _containers(project, settings["services"], result)
    _units(result)
    return result


def _site(site: dict[str, Any], ca: str | None, result: Result) -> None:
    answer = ask(site["url"], site["address"], ca)
    result.value("site_seconds", answer.seconds, url=site["url"])
    result.value("site_up", not answer.fault and answer.status < 500, url=site["url"])
    if answer.fault:
        result.faults.append(f"{site['url']} does not answer: {answer.fault}")
    elif answer.status >= 500:
        result.faults.append(f"{site['url']} answers {answer.status}")
    elif answer.seconds > site["seconds"]:
        result.faults.append(f"{site['url']} took {answer.seconds:.1f} s; {site['seconds']:g} s are allowed")


def _containers(project: str, services: list[str], result: Result) -> None:
    label = f"label=com.docker.compose.project={project}"
    try:
        text = output(["docker", "ps", "--all", "--filter", label, "--format", "{{json .}}"])
        found = {row["Names"]: row["Status"] for row in map(json.loads, text.splitlines())}
    except (CommandError, ValueError, KeyError) as fault:
        result.faults.append(f"the containers cannot be listed: {fault}")
        return
    for service in services:
        status = found.get(service, "is missing")
        well = status.startswith("Up") and "unhealthy" not in status
        result.value("container_up", well, container=service)
        if not well:
            result.faults.append(f"container {service}: {status}")


def _units(result: Result) -> None:
    try:
        text = output(["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager"])
    except CommandError as fault:
        result.faults.append(f"the units cannot be listed: {fault}")
        return
    names = [line.split()[0] for line in text.splitlines() if line.strip()]
    failed = [name for name in names if not name.startswith(OWN)]
    result.value("failed_units", len(failed))
    result.faults += [f"unit {name} has failed" for name in failed]
