"""What a host answered, by section."""

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from estate.models.desired import Desired
from estate.models.host import Host
from estate.models.stack import Stack


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
        """The section read as JSON. Raises ValueError when it is not."""
        return json.loads(self.text(section) or "null")

    def rows(self, section: str) -> dict[str, list[str]]:
        """Tab-separated lines by their first field."""
        return {line.split("\t")[0]: line.split("\t")[1:] for line in self.lines(section)}

    def containers(self) -> dict[str, dict[str, Any]]:
        """The project's containers by service."""
        found = (json.loads(line) for line in self.lines("containers"))
        return {item["service"] or item["name"].lstrip("/"): item for item in found}

    def sshd(self) -> dict[str, str]:
        """The live configuration of sshd, by keyword."""
        return dict(line.split(" ", 1) for line in self.lines("sshd") if " " in line)


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


@cache
def _script() -> str:
    return (Path(__file__).parent / "probe.sh").read_text()


def probe(host: Host, stack: Stack | None, tasks: Iterable[Desired]) -> str:
    """The script that asks this host."""
    tasks = tuple(tasks)
    words = {
        "ADMINS": [user.name for user in host.admins],
        "PATHS": [node.path for task in tasks for node in task.tree],
        "KEYS": [key for task in tasks for key, _ in task.sysctl],
        "UNITS": [unit.name for task in tasks for unit in task.units],
        "PROJECT": [stack.settings.project] if stack else [],
        "SERVICES": [service.name for service in stack.containers] if stack else [],
    }
    head = "\n".join(f"{name}={shlex.quote(' '.join(values))}" for name, values in words.items())
    return f"{head}\n{_script()}"
