"""The two images that the lab makes from Debian packages: its hosts, and its registry and ACME server."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from lab.apt import SUITE, host_sources, machine_sources
from lab.docker import LABEL, Docker
from lab.hosts import USER
from lab.run import as_root

FILES = Path(__file__).resolve().parent / "files"
HOST_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "iproute2",
    "iptables",
    "nftables",
    "ca-certificates",
    "curl",
    "cron",
    "procps",
    "util-linux",
    "iputils-ping",
    "docker.io",
    "docker-cli",
    "docker-compose",
    "wireguard-tools",
    "wireguard-go",
)
INFRA_PACKAGES = ("ca-certificates", "docker-registry", "caddy")
MASKED = (
    "systemd-modules-load.service",
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-sysctl.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "getty.target",
    "console-getty.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-config.mount",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
)


@dataclass(frozen=True)
class Rootfs:
    """An image that mmdebstrap makes: its packages and what is done to them."""

    repository: str
    packages: tuple[str, ...]
    sources: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def tag(self) -> str:
        """The image's name, with a digest of everything it is made from."""
        inputs = [SUITE, self.packages, self.sources, self.hooks, [path.read_text() for path in self.files]]
        return f"{self.repository}:{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:12]}"

    def command(self) -> list[str]:
        """The mmdebstrap command that writes the root file system to its standard output."""
        uploads = [f"--customize-hook=upload {path} /usr/local/sbin/{path.name}" for path in self.files]
        hooks = [f"--customize-hook={hook}" for hook in self.hooks]
        include = f"--include={','.join(self.packages)}"
        options = ["--quiet", "--variant=minbase", include, *uploads, *hooks]
        return ["mmdebstrap", *options, SUITE, "-", *self.sources]


def host_image() -> Rootfs:
    """The image of every lab host."""
    sbin = " ".join(f'"$1"/usr/local/sbin/{name}' for name in ("lab-init", "lab-seed"))
    return Rootfs(
        repository="estate-lab/host",
        packages=HOST_PACKAGES,
        sources=tuple(host_sources(machine_sources())),
        files=(FILES / "lab-init", FILES / "lab-seed"),
        hooks=(
            f"chmod 755 {sbin}",
            f'chroot "$1" useradd -m -u 1001 -s /bin/bash -G sudo {USER}',
            f'echo "{USER} ALL=(ALL:ALL) NOPASSWD:ALL" > "$1"/etc/sudoers.d/{USER}',
            f'chmod 440 "$1"/etc/sudoers.d/{USER}',
            'rm -f "$1"/etc/ssh/ssh_host_*',
            ': > "$1"/etc/machine-id',
            f'for u in {" ".join(MASKED)}; do ln -sf /dev/null "$1"/etc/systemd/system/$u; done',
        ),
    )


def infra_image() -> Rootfs:
    """The image of the lab's registry and of its ACME server."""
    return Rootfs("estate-lab/infra", INFRA_PACKAGES, tuple(host_sources(machine_sources())))


def ensure(docker: Docker, rootfs: Rootfs) -> tuple[str, bool]:
    """The image's id, and whether it had to be made."""
    found = docker.run("image", "inspect", "--format", "{{.Id}}", rootfs.tag, check=False)
    if found.ok:
        return found.stdout.strip(), False
    image = docker.import_stream(as_root(rootfs.command()), ["--change", f"LABEL {LABEL}=image"])
    docker.run("tag", image, rootfs.tag)
    _remove_older(docker, rootfs)
    return image, True


def _remove_older(docker: Docker, rootfs: Rootfs) -> None:
    tags = docker.lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", rootfs.repository)
    for tag in tags:
        if tag != rootfs.tag:
            docker.run("rmi", tag, check=False)
