"""What a host answered, by section."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from estate.models.desired import Desired
from estate.models.host import HomelabHost, Host, StackHost, VpsHost
from estate.models.stack import Stack
from estate.render.backup_config import backups_dir
from estate.render.fail2ban import jails
from estate.render.shell import shell, variables
from estate.render.watch_jobs import jobs
from estate.verify.expected import is_database, is_queue

REPORTS = ("backup-", "resource-")
"""Jobs of the watching whose answer needs a day or a week to be there."""
PATIENCE = 36
"""Seconds in which Prometheus has scraped what was restarted."""


@dataclass(frozen=True)
class Observation:
    """A host's answer: lines by section; `error` when there was none."""

    sections: dict[str, list[str]]
    error: str = ""

    def lines(self, section: str) -> list[str]:
        """The section's lines; empty when the host did not print it."""
        return self.sections.get(section, [])

    def text(self, section: str) -> str:
        """The section as one text."""
        return "\n".join(self.lines(section))

    def json(self, section: str) -> Any:
        """The section read as JSON. Raises ValueError, which names the section and quotes nothing, when it is not."""
        try:
            return json.loads(self.text(section))
        except json.JSONDecodeError as error:
            what = f"is not JSON: {error.msg}" if self.lines(section) else "is empty: nothing answered"
            raise ValueError(f"the answer of {section} {what}") from None

    def rows(self, section: str) -> dict[str, list[str]]:
        """Tab-separated lines by their first field."""
        return {line.split("\t")[0]: line.split("\t")[1:] for line in self.lines(section)}

    def containers(self) -> dict[str, dict[str, Any]]:
        """The project's containers by service."""
        found = (json.loads(line) for line in self.lines("containers"))
        return {item["service"] or item["name"].lstrip("/"): item for item in found}

    def sshd(self) -> dict[str, str]:
        """What `sshd -T` prints, by keyword; the values of a repeated keyword joined."""
        settings: dict[str, str] = {}
        for line in self.lines("sshd"):
            keyword, _, value = line.partition(" ")
            settings[keyword] = f"{settings[keyword]} {value}" if keyword in settings else value
        return settings

    def journald(self) -> dict[str, str]:
        """journald's settings over all of its files; a later one counts."""
        return dict(line.split("=", 1) for line in self.lines("journald") if "=" in line)


def parse(lines: Iterable[str]) -> Observation:
    """The probe's output."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if line.startswith("@@"):
            current = sections.setdefault(line[2:], [])
        elif line:
            current.append(line)
    return Observation(sections)


def postgres_databases(host: Host) -> list[str]:
    """The databases that the host's own PostgreSQL serves."""
    return [d.name for d in host.postgres.databases] if isinstance(host, HomelabHost) and host.postgres else []


def probe(host: Host, stack: Stack | None, tasks: Iterable[Desired], patience: int = PATIENCE) -> str:
    """The script that asks this host.

    + patience: seconds that Prometheus has for its next scrape of a target that is not well
    """
    tasks = tuple(tasks)
    words = {
        "ADMINS": [user.name for user in host.admins],
        "PATHS": [node.path for task in tasks for node in task.tree],
        "KEYS": [key for task in tasks for key, _ in task.sysctl],
        "POSTGRES": postgres_databases(host),
        "SECRETS": [stack.secrets_dir] if stack else [],
        "UNITS": [unit.name for task in tasks for unit in task.units],
        "JAILS": list(jails(stack)) if isinstance(host, VpsHost) and host.fail2ban else [],
        "PROJECT": [stack.settings.project] if stack else [],
        "SERVICES": [service.name for service in stack.containers] if stack else [],
        "DATABASES": [service.name for service in stack.containers if is_database(service)] if stack else [],
        "BACKUPS": [backups_dir(stack)] if stack and isinstance(host, StackHost) and host.backups else [],
        "WATCHES": [job.name for job in jobs(host, stack) if not job.name.startswith(REPORTS)],
        "MEASURED": ["yes"] if host.group == "vps" else [],
        "PATIENCE": [str(patience)],
        "QUEUES": [service.name for service in stack.containers if is_queue(service)] if stack else [],
    }
    return variables({name: " ".join(values) for name, values in words.items()}) + shell("verify/probe.sh")
