"""Where the fleet's deploy is measured: the lab's edge group, or a farm of sshds in a namespace (farm.py)."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from estate.deployment import make_jobs
from estate.edge.cities import CITIES
from estate.inventory import Estate
from estate.models.desired import Desired
from estate.secret_store.load import mode_of
from lab.bench.farm import Farm
from lab.bench.link import link
from lab.cities import delays
from lab.docker import Docker
from lab.errors import LabError
from lab.paths import LabPaths

_Road = AbstractContextManager[tuple[str, ...]]
Distance = int | Literal["cities"]
"""A round trip in milliseconds, the same for all, or each node's own."""
_SETTLE = 1.0
"""Seconds after which a new delay holds, and what is under way has arrived."""


@dataclass(frozen=True)
class Target:
    """How a node is connected to."""

    host: str
    port: int
    user: str
    key: str
    known_hosts: str

    def asyncssh(self) -> dict[str, object]:
        """asyncssh's words for it."""
        return {
            **{"host": self.host, "port": self.port, "username": self.user},
            **{"client_keys": [self.key], "known_hosts": self.known_hosts},
        }

    def ssh_config(self, name: str) -> str:
        """OpenSSH's words for it."""
        return (
            f"Host {name}\n  HostName {self.host}\n  Port {self.port}\n  User {self.user}\n  IdentityFile {self.key}\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n  StrictHostKeyChecking yes\n"
        )


class Place(Protocol):
    """Nodes that can be measured near and far."""

    @property
    def title(self) -> str:
        """What a reader is told of it."""

    @property
    def targets(self) -> Mapping[str, Target]:
        """The nodes by name."""

    @property
    def deploy(self) -> list[str]:
        """pyinfra's arguments."""

    @property
    def environment(self) -> dict[str, str]:
        """What the deploy needs in its environment."""

    def tasks(self) -> Mapping[str, Mapping[str, Desired]]:
        """What the deploy applies, by node and task: what Ansible is to manage too."""

    def road(self, distance: Distance) -> _Road:
        """A way to the nodes: the words before a command that takes it."""


@dataclass(frozen=True)
class FarmPlace:
    """The farm: a task with a few files, deployed like any other."""

    farm: Farm

    @property
    def title(self) -> str:
        """What a reader is told of it."""
        return f"{len(self.farm.names)} OpenSSH servers in a network namespace, a task of 8 files each"

    @property
    def targets(self) -> Mapping[str, Target]:
        """The nodes by name."""
        key, pins = str(self.farm.key), str(self.farm.known_hosts)
        return {name: Target(self.farm.address(name), 22, "root", key, pins) for name in self.farm.names}

    @property
    def deploy(self) -> list[str]:
        """pyinfra's arguments."""
        return ["lab/bench/farm_inventory.py", "lab/bench/farm_deploy.py"]

    @property
    def environment(self) -> dict[str, str]:
        """What the deploy needs in its environment."""
        return {"ESTATE_FARM": str(self.farm.folder)}

    def tasks(self) -> Mapping[str, Mapping[str, Desired]]:
        """What the deploy applies."""
        from lab.bench.farm_job import desired

        return {name: {"edge": desired(name)} for name in self.farm.names}

    def road(self, distance: Distance) -> _Road:
        """The farm's own road; the cities' distances go round."""
        if distance != "cities":
            return self.farm.road(distance)
        rtts = [city.rtt for city in CITIES.values()]
        return self.farm.road({name: float(rtts[i % len(rtts)]) for i, name in enumerate(self.farm.names)})


@dataclass(frozen=True)
class LabPlace:
    """A group of the lab's hosts, with what production deploys to them."""

    docker: Docker
    paths: LabPaths
    estate: Estate
    group: str
    delays: Path
    """The file in which the lab's road (lab/road.py) looks for delays; one that is not there: the bench's own road."""

    @property
    def names(self) -> list[str]:
        """The group's hosts."""
        return [name for name, host in self.estate.hosts.items() if host.group == self.group]

    @property
    def title(self) -> str:
        """What a reader is told of it."""
        how = "through WireGuard" if self.delays.exists() else "on its bridge"
        return f"the lab's {len(self.names)} {self.group} hosts, {how}"

    @property
    def targets(self) -> Mapping[str, Target]:
        """The nodes by name."""
        found = {name: self.estate.ssh[name] for name in self.names}
        return {n: Target(s.hostname, s.port, s.user, s.key, s.known_hosts) for n, s in found.items()}

    @property
    def deploy(self) -> list[str]:
        """pyinfra's arguments."""
        return ["--limit", self.group, "inventories/lab.py", "deploy.py"]

    @property
    def environment(self) -> dict[str, str]:
        """Nothing."""
        return {}

    def tasks(self) -> Mapping[str, Mapping[str, Desired]]:
        """What the deploy applies."""
        return {name: job.tasks for name, job in make_jobs(self.estate, self.names, mode_of()).items()}

    def road(self, distance: Distance) -> _Road:
        """The road of the tunnel when there is one."""
        if self.delays.exists():
            return self._tunnel(distance)
        if distance == "cities":
            raise LabError("the lab has no road with a delay for each node", f"is {self.delays} the road's file?")
        return link(self.docker, distance)

    @contextmanager
    def _tunnel(self, distance: Distance) -> Iterator[tuple[str, ...]]:
        import time

        before = self.delays.read_text()
        try:
            _replace(self.delays, json.dumps(delays(str(distance), self.names)))
            time.sleep(_SETTLE)
            yield ()
        finally:
            _replace(self.delays, before)
            time.sleep(_SETTLE)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(text)
    new.replace(path)
