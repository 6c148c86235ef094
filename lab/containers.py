"""A lab container as data: its arguments, the digest of everything that defines it, and its convergence."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lab.docker import INPUTS, LABEL, Docker
from lab.hosts import NETWORK

Outcome = Literal["unchanged", "started", "created", "recreated"]


@dataclass(frozen=True)
class Container:
    """Everything that defines one container of the lab."""

    name: str
    hostname: str
    address: str
    image: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    add_hosts: tuple[tuple[str, str], ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    keep_volumes: bool = False
    seed: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A digest of every input; a container with another one is made anew."""
        seed = {path: hashlib.sha256(content).hexdigest() for path, content in sorted(self.seed.items())}
        inputs = json.dumps([self._arguments(), self.image, self.command, seed])
        return hashlib.sha256(inputs.encode()).hexdigest()[:16]

    def create_arguments(self) -> list[str]:
        """The arguments of `docker create`."""
        labels = [f"--label={LABEL}=container", f"--label={INPUTS}={self.digest}"]
        return ["create", *labels, *self._arguments(), self.image, *self.command]

    def seed_tar(self) -> bytes:
        """The container's seed as a tar archive to be unpacked at its root."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, content in sorted(self.seed.items()):
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(content), 0o600
                archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()

    def _arguments(self) -> list[str]:
        return [
            f"--name={self.name}",
            f"--hostname={self.hostname}",
            f"--network={NETWORK}",
            f"--ip={self.address}",
            *(f"--network-alias={alias}" for alias in self.aliases),
            *(f"--add-host={name}:{address}" for name, address in self.add_hosts),
            *(f"--volume={volume}:{path}" for volume, path in self.volumes),
            *self.options,
        ]


@dataclass(frozen=True)
class Found:
    """A container of the lab that the engine knows."""

    name: str
    state: str
    digest: str


def existing(docker: Docker) -> dict[str, Found]:
    """The lab's containers that the engine knows, by name."""
    row = '{{.Names}}\t{{.State}}\t{{.Label "' + INPUTS + '"}}'
    rows = docker.lines("ps", "--all", "--filter", f"label={LABEL}=container", "--format", row)
    found = [Found(*line.split("\t")) for line in rows]
    return {container.name: container for container in found}


def decide(wanted: Container, found: Found | None) -> Outcome:
    """What has to be done for the engine to have the container, running."""
    if found is None:
        return "created"
    if found.digest != wanted.digest or found.state in {"created", "dead", "removing"}:
        return "recreated"
    return "unchanged" if found.state == "running" else "started"


def ensure(docker: Docker, wanted: Container, found: Found | None) -> Outcome:
    """Bring one container to its wanted state."""
    outcome = decide(wanted, found)
    if outcome == "started" and not docker.run("start", wanted.name, check=False).ok:
        outcome = "recreated"
    if outcome == "recreated":
        remove(docker, wanted)
    if outcome in {"created", "recreated"}:
        docker.run(*wanted.create_arguments())
        docker.run("cp", "-", f"{wanted.name}:/", stdin=wanted.seed_tar())
        docker.run("start", wanted.name)
    return outcome


def remove(docker: Docker, container: Container) -> None:
    """Remove a container with the volumes that belong to it alone."""
    docker.run("rm", "--force", "--volumes", container.name, check=False)
    if not container.keep_volumes:
        for volume, _ in container.volumes:
            docker.run("volume", "rm", "--force", volume, check=False)
