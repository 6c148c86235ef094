"""What a host's Docker engine and its containers say of themselves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCRIPT = """\
echo @@docker-present
if systemctl is-active --quiet docker 2>/dev/null; then
    echo yes
    echo @@docker-config; tr -d '\\n' </etc/docker/daemon.json 2>/dev/null || true; echo
    echo @@docker-command; ps -C dockerd -o args= || true
    echo @@docker-info; docker info --format '{{json .}}'
    echo @@docker-bridge; docker network inspect bridge --format '{{json .}}'
    echo @@docker-containers; docker ps -q | xargs -r docker inspect --format '{{json .}}'
    echo @@docker-processes
    for id in $(docker ps -q); do docker top "$id" -eo pid,comm | sed "1d; s/^ *[0-9]* */$id /"; done
fi
"""


@dataclass(frozen=True)
class Engine:
    """The daemon: its file, its command line, `docker info`, its default bridge; containers by name."""

    config: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    bridge: Mapping[str, Any] = field(default_factory=dict)
    containers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    processes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The names of each container's processes."""

    def security(self, kind: str) -> bool:
        """Whether the engine confines by seccomp, apparmor or selinux."""
        return any(option.startswith(f"name={kind}") for option in self.info.get("SecurityOptions") or [])


def parse(sections: Mapping[str, Sequence[str]]) -> Engine | None:
    """The engine behind the script's output; None where none runs. Raises ValueError for what is no JSON."""
    if "yes" not in sections.get("docker-present", ()):
        return None
    inspected = [json.loads(line) for line in sections.get("docker-containers", ())]
    names = {item["Id"]: item["Name"].lstrip("/") for item in inspected}
    running: dict[str, set[str]] = {name: set() for name in names.values()}
    for line in sections.get("docker-processes", ()):
        short, _, process = line.partition(" ")
        for identity, name in names.items():
            if identity.startswith(short):
                running[name].add(process.strip())
    return Engine(
        config=_json(sections, "docker-config"),
        command=" ".join(sections.get("docker-command", ())),
        info=_json(sections, "docker-info"),
        bridge=_json(sections, "docker-bridge"),
        containers={item["Name"].lstrip("/"): item for item in inspected},
        processes={name: frozenset(found) for name, found in running.items()},
    )


def _json(sections: Mapping[str, Sequence[str]], name: str) -> dict[str, Any]:
    found = json.loads("".join(sections.get(name, ())) or "{}")
    return found if isinstance(found, dict) else {}
