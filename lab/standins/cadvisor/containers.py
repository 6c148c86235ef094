"""Docker's containers and what the kernel says about them; unreadable parts are left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Roots:
    """Where the host's parts are mounted."""

    docker: Path = Path("/var/lib/docker")
    cgroup: Path = Path("/sys/fs/cgroup")
    proc: Path = Path("/rootfs/proc")


@dataclass(frozen=True)
class Container:
    """A running container."""

    id: str
    name: str
    image: str
    pid: int
    started: float
    labels: dict[str, str]

    def selector(self) -> dict[str, str]:
        """Give the labels of each of its samples."""
        return {"id": f"/docker/{self.id}", "image": self.image, "name": self.name}


def _start(text: str) -> float:
    try:
        return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    except ValueError:
        return 0.0


def running(roots: Roots) -> Iterator[Container]:
    """Give the running containers."""
    for path in sorted((roots.docker / "containers").glob("*/config.v2.json")):
        try:
            document: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        state, config = document.get("State") or {}, document.get("Config") or {}
        if state.get("Running"):
            yield Container(
                id=str(document["ID"]),
                name=str(document.get("Name", "")).lstrip("/"),
                image=str(config.get("Image", "")),
                pid=int(state.get("Pid") or 0),
                started=_start(str(state.get("StartedAt", ""))),
                labels=dict(config.get("Labels") or {}),
            )


def _pairs(path: Path) -> dict[str, int]:
    pairs: dict[str, int] = {}
    for line in path.read_text().splitlines():
        key, _, value = line.rpartition(" ")
        if value.isdigit():
            pairs[key] = int(value)
    return pairs


class Cgroups:
    """Reads one container's control groups, of version 1 or 2."""

    def __init__(self, roots: Roots, container: Container) -> None:
        self._roots, self._id, self._pid = roots, container.id, container.pid

    def _file(self, controller: str, name: str) -> Path:
        """Find a file of the container's group, whichever driver named the group."""
        base = self._roots.cgroup / controller if controller else self._roots.cgroup
        for group in (f"docker/{self._id}", f"system.slice/docker-{self._id}.scope"):
            if (base / group / name).exists():
                return base / group / name
        found = next(base.glob(f"*/docker/{self._id}/{name}"), None)
        if found is None:
            raise FileNotFoundError(name)
        return found

    @property
    def unified(self) -> bool:
        """Say whether this is version 2."""
        return (self._roots.cgroup / "cgroup.controllers").exists()

    def cpu_seconds(self) -> float:
        """CPU time used."""
        if self.unified:
            return _pairs(self._file("", "cpu.stat"))["usage_usec"] / 1e6
        return int(self._file("cpuacct", "cpuacct.usage").read_text()) / 1e9

    def memory(self) -> int:
        """Memory in use."""
        if self.unified:
            return int(self._file("", "memory.current").read_text())
        return int(self._file("memory", "memory.usage_in_bytes").read_text())

    def working_set(self) -> int:
        """Memory in use without what the kernel would drop first."""
        if self.unified:
            idle = _pairs(self._file("", "memory.stat")).get("inactive_file", 0)
        else:
            idle = _pairs(self._file("memory", "memory.stat")).get("total_inactive_file", 0)
        return max(self.memory() - idle, 0)

    def memory_limit(self) -> int:
        """The memory limit; 0 when there is none."""
        name = ("", "memory.max") if self.unified else ("memory", "memory.limit_in_bytes")
        text = self._file(*name).read_text().strip()
        return 0 if text == "max" or int(text) >= 1 << 60 else int(text)

    def written(self) -> int:
        """Bytes written to block devices."""
        if self.unified:
            words = self._file("", "io.stat").read_text().split()
            return sum(int(word.removeprefix("wbytes=")) for word in words if word.startswith("wbytes="))
        lines = self._file("blkio", "blkio.throttle.io_service_bytes").read_text().splitlines()
        return sum(int(line.split()[2]) for line in lines if " Write " in line)

    def network(self) -> dict[str, tuple[int, int]]:
        """Bytes received and sent by each interface but the loopback."""
        found: dict[str, tuple[int, int]] = {}
        for line in (self._roots.proc / str(self._pid) / "net" / "dev").read_text().splitlines()[2:]:
            name, _, figures = line.partition(":")
            if name.strip() != "lo":
                columns = figures.split()
                found[name.strip()] = (int(columns[0]), int(columns[8]))
        return found


def attempt(read: Callable[[], Any]) -> Any:
    """Give what can be read, or None."""
    try:
        return read()
    except (OSError, ValueError, KeyError, IndexError):
        return None
