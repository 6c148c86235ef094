"""The lab's Proxmox nodes: what makes a host of the lab one, and the containers on them.

Their tools are stand-ins (lab/standins/proxmox); the containers that these make are real.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

from lab.containers import Container
from lab.docker import Docker
from lab.hosts import DNS, HOSTS, NAS, NETWORK, LabHost, by_name
from lab.paths import REPO, LabPaths

CLUSTER = "homelab"
TEMPLATES_ON_HOST = "/usr/share/estate-lab/templates"
GUEST = "/usr/share/estate-lab/guest"
"""What the stand-in puts into every container beside the template."""
EXPORT = "/export"
_GIB = 1024**3
MACHINES = {
    "dl380p": {"cpus": 32, "memory": 96 * _GIB, "thinpool": 500 * _GIB},
    "i5": {"cpus": 8, "memory": 8 * _GIB, "thinpool": 100 * _GIB},
}
"""What the nodes stand for, as the seed has them."""
_CODE = REPO / "lab" / "standins" / "proxmox"


def nodes() -> tuple[LabHost, ...]:
    """The nodes of the cluster."""
    return tuple(host for host in HOSTS if host.group == "proxmox")


def volumes(host: LabHost) -> tuple[tuple[str, str], ...]:
    """What outlives a host: of a node the cluster's files, its storages, the export; of the NFS server the export."""
    if host.group == "nas":
        return ((f"{NETWORK}-nfs", EXPORT),)
    return (
        (f"{NETWORK}-pve", "/var/lib/pve-cluster"),
        (f"{host.container}-local", "/var/lib/vz"),
        (f"{host.container}-pool", "/var/lib/pve-standin"),
        (f"{NETWORK}-nfs", f"/var/lib/pve-standin/nfs/{NAS}{EXPORT}"),
    )


def options(paths: LabPaths, host: LabHost) -> tuple[str, ...]:
    """A node sees the templates that it can download."""
    if host.group != "proxmox" or not host.pve:
        return ()
    return (f"--volume={paths.templates.resolve()}:{TEMPLATES_ON_HOST}:ro",)


def seed(host: LabHost, settings: str, authorities: dict[str, bytes], sshd: str) -> dict[str, bytes]:
    """The stand-ins, what the node stands for, and what its containers are given."""
    if host.group == "nas":
        return {f"{EXPORT}/backups/README": b"Estate lab stand-in: shared with the nodes in the place of NFS.\n"}
    cluster = [
        {"name": node.name, "id": number, "address": node.address} for number, node in enumerate(nodes(), start=1)
    ]
    machine = MACHINES[host.name] | {"cluster": {"name": CLUSTER, "nodes": cluster}, "nameservers": [DNS]}
    code = {f"/opt/estate/lab/standins/proxmox/{path.name}": path.read_bytes() for path in sorted(_CODE.glob("*.py"))}
    packages = {f"/opt/estate/{name}/__init__.py": b"" for name in ("lab", "lab/standins")}
    guest = {
        f"{GUEST}/etc/apt/apt.conf.d/90estate-lab": settings.encode(),
        f"{GUEST}/etc/ssh/sshd_config.d/00-lab.conf": sshd.encode(),
        **{f"{GUEST}/usr/local/share/ca-certificates/{name}": pem for name, pem in authorities.items()},
    }
    return {**code, **packages, **guest, "/etc/estate-lab/proxmox.json": json.dumps(machine).encode()}


def dns(image: str) -> Container:
    """The network's name server: containers on the nodes do not reach Docker's own, to which this one leads."""
    return Container(
        name=f"{NETWORK}-dns",
        hostname="dns",
        address=DNS,
        image=image,
        command=(
            *("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root", "--no-hosts", "--no-resolv"),
            *("--server=127.0.0.11", "--cache-size=0", "--port=53"),
        ),
        options=("--cap-add=NET_ADMIN", "--restart=on-failure"),
    )


@dataclass(frozen=True)
class Guest:
    """A lab host that is a container on a node."""

    host: LabHost
    node: LabHost
    vmid: str
    status: str

    def exec(self, docker: Docker, *argv: str) -> str:
        """What a command prints in it, run through its node."""
        attach = ("pct", "exec", self.vmid, "--keep-env", "0", "--", *argv)
        return docker.exec(self.node.container, *attach, check=False).stdout


def guests(docker: Docker, running: Collection[str]) -> list[Guest]:
    """The lab hosts that are containers on nodes that run."""
    found = []
    for node in nodes():
        listed = docker.exec(node.container, "pct", "list", check=False) if node.container in running else None
        for line in listed.stdout.splitlines()[1:] if listed and listed.ok else []:
            vmid, status, *_, name = line.split()
            if host := by_name(name):
                found.append(Guest(host, node, vmid, status))
    return found


def container_keys(docker: Docker, running: Collection[str]) -> dict[LabHost, list[str]]:
    """Host keys of the containers that run, read through their nodes and not over the network."""
    alive = [guest for guest in guests(docker, running) if guest.status == "running"]
    keys = {one.host: one.exec(docker, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub").splitlines() for one in alive}
    return {host: lines for host, lines in keys.items() if lines}
