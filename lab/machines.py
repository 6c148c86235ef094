"""Lab hosts as containers with systemd as their first process."""

import socket
import time
from collections.abc import Sequence

from lab import proxmox
from lab.apt import machine_authorities, machine_settings
from lab.containers import Container
from lab.docker import Docker
from lab.errors import LabError
from lab.hosts import ACME, ACME_NAME, CONTROLLER, HUB, PUBLIC_NAMES, REGISTRY, REGISTRY_NAMES, VPS_NAMES, LabHost
from lab.paths import LabPaths

BOOT_SECONDS = 180
_SSHD = f"PerSourcePenaltyExemptList {CONTROLLER}\n"


def options(names: Sequence[str]) -> tuple[str, ...]:
    """What a container needs for systemd and a nested engine, given the machine's capabilities."""
    return (
        *(f"--cap-add={name}" for name in names),
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--security-opt=systempaths=unconfined",
        "--cgroupns=private",
        "--device=/dev/net/tun",
        "--device=/dev/fuse",
        "--device-cgroup-rule=a *:* rwm",
        "--tmpfs=/run:exec,mode=755",
        "--tmpfs=/run/lock:mode=1777",
        "--tmpfs=/tmp:exec,mode=1777",
        "--env=container=docker",
        "--stop-signal=SIGRTMIN+3",
        "--restart=on-failure",
    )


def seed(paths: LabPaths, host: LabHost) -> dict[str, bytes]:
    """What a fresh host is given at its first start."""
    files = {
        "/lab/seed/authorized_keys": paths.public_key.read_bytes(),
        "/lab/seed/apt.conf": machine_settings().encode(),
        "/lab/seed/sshd.conf": _SSHD.encode(),
        "/lab/seed/ca/estate-lab.crt": paths.ca_cert.read_bytes(),
    }
    files |= {f"/lab/seed/ca/machine-{name}": pem for name, pem in machine_authorities().items()}
    if host.pve:
        authorities = {"estate-lab.crt": paths.ca_cert.read_bytes(), **machine_authorities()}
        files |= proxmox.seed(host, machine_settings(), authorities, _SSHD)
    return files if host.needs_engine else files | {"/lab/seed/no-engine": b""}


def machine(paths: LabPaths, host: LabHost, image: str, caps: Sequence[str], upstream: bool) -> Container:
    """The container that is this host; with `upstream` it pulls from the public registries."""
    registries = () if upstream else tuple((name, REGISTRY) for name in REGISTRY_NAMES)
    return Container(
        name=host.container,
        hostname=host.name,
        address=host.address,
        image=image,
        command=("/usr/local/sbin/lab-init",),
        options=(
            *options(caps),
            *_kuma(paths, host),
            *proxmox.options(paths, host),
        ),
        aliases=(host.name, *_names(host)),
        add_hosts=(*registries, (ACME_NAME, ACME)),
        volumes=_volumes(host),
        keep_volumes=host.pve,
        seed=seed(paths, host),
    )


def _volumes(host: LabHost) -> tuple[tuple[str, str], ...]:
    """Where its engine's data are, or a Proxmox node's and its NFS server's."""
    if host.pve:
        return proxmox.volumes(host)
    return ((host.volume, "/var/lib/docker"),) if host.needs_engine else ()


def _names(host: LabHost) -> tuple[str, ...]:
    """The public names that lead to this host."""
    if host.group == "edge":
        return (host.public_name,)
    return {"mainframe": PUBLIC_NAMES, "vps": VPS_NAMES}.get(host.group, ())


def _kuma(paths: LabPaths, host: LabHost) -> tuple[str, ...]:
    """The hub sees Uptime Kuma where its unit expects it: npm's package, which no Debian has."""
    return (f"--volume={paths.kuma.resolve()}:/opt/uptime-kuma:ro",) if host.name == HUB else ()


def await_boot(docker: Docker, host: LabHost, seconds: float = BOOT_SECONDS) -> str:
    """Wait until systemd has started everything and sshd answers; return systemd's word on it."""
    deadline = time.monotonic() + seconds
    while True:
        state = system_state(docker, host)
        # A node of the fleet shows its sshd in the mesh only
        if state in {"running", "degraded"} and (host.group == "edge" or _greets(host.address)):
            break
        if time.monotonic() > deadline:
            raise LabError(
                f"{host.name} does not come up: systemd says {state or 'nothing'}",
                f"read `docker logs {host.container}` and `docker exec {host.container} journalctl -b`",
            )
        time.sleep(0.5)
    return state if state == "running" else f"degraded: {', '.join(failed_units(docker, host))}"


def system_state(docker: Docker, host: LabHost) -> str:
    """What `systemctl is-system-running` says in a host."""
    return docker.exec(host.container, "systemctl", "is-system-running", check=False).stdout.strip()


def failed_units(docker: Docker, host: LabHost) -> list[str]:
    """The units that failed in a host."""
    argv = ("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    lines = docker.exec(host.container, *argv, check=False).stdout.splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def host_keys(docker: Docker, host: LabHost) -> list[str]:
    """A host's public SSH keys, read from its own disk and not over the network."""
    result = docker.exec(host.container, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")
    return [line for line in result.stdout.splitlines() if line.strip()]


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=3) as connection:
            connection.settimeout(5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
