"""`estate lab status`: what the lab's hosts are doing."""

from dataclasses import dataclass

from lab import containers, machines, proxmox
from lab.docker import Docker
from lab.hosts import HOSTS, LabHost
from lab.parallel import parallel


@dataclass(frozen=True)
class HostState:
    """One host as it is now."""

    host: LabHost
    container: str
    systemd: str
    engine: str

    @property
    def healthy(self) -> bool:
        """True when the host runs, and so does the engine that it needs."""
        return self.systemd in {"running", "degraded"} and self.engine != "inactive"


def look(docker: Docker) -> list[HostState]:
    """The state of every lab host that the engine knows."""
    found = containers.existing(docker)

    def state(host: LabHost) -> HostState:
        container = found[host.container].state
        if container != "running":
            return HostState(host, container, "-", "-")
        wanted = ("systemctl", "is-active", "docker")
        answer = docker.exec(host.container, *wanted, check=False).stdout.strip() if host.needs_engine else "-"
        return HostState(host, container, machines.system_state(docker, host) or "unknown", answer)

    def inside(guest: proxmox.Guest) -> HostState:
        where = f"{guest.status} on {guest.node.name}"
        if guest.status != "running":
            return HostState(guest.host, where, "-", "-")
        systemd = guest.exec(docker, "systemctl", "is-system-running").strip()
        return HostState(guest.host, where, systemd or "unknown", "-")

    running = {name for name, one in found.items() if one.state == "running"}
    states = parallel(state, [host for host in HOSTS if host.container in found and host.is_machine])
    return [*states, *parallel(inside, proxmox.guests(docker, running))]
