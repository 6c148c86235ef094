"""The images that the lab makes from Debian packages: its hosts, and its registry and ACME server."""

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
EDGE_PACKAGES = (
    *(name for name in HOST_PACKAGES if not name.startswith("docker")),
    *("nix-bin", "python3", "sqlite3", "openssl", "acme-tiny", "age", "caddy", "nodejs", "jq", "rclone"),
)
"""What a node's generation may name: NixOS would bring each of them itself."""
EDGE_MASKED = ("caddy.service", "wg-quick.target", "cron.service")
NIXPKGS = Path(__file__).resolve().parent / "nixpkgs"
NIXPKGS_ON_HOST = "/usr/share/estate-lab-nixpkgs"
PROXMOX_PACKAGES = (
    *(name for name in HOST_PACKAGES if not name.startswith(("docker", "wireguard"))),
    *("lxc", "lxcfs", "python3", "python3-fusepy", "fuse3", "xfsprogs", "mount", "zstd", "openssl", "dnsmasq-base"),
)
"""Real LXC behind the stand-ins of Proxmox's tools (lab/standins/proxmox)."""
PROXMOX_MASKED = ("lxc.service", "lxc-net.service", "lxc-monitord.service")
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
    tree: tuple[Path, str] | None = None
    """A directory, and where it lies in the image."""

    @property
    def tag(self) -> str:
        """The image's name, with a digest of everything it is made from."""
        files = [path.read_text() for path in (*self.files, *self._tree_files())]
        inputs = [SUITE, self.packages, self.sources, self.hooks, files]
        return f"{self.repository}:{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:12]}"

    def _tree_files(self) -> list[Path]:
        paths = sorted(self.tree[0].rglob("*")) if self.tree else []
        return [path for path in paths if path.is_file() and "__pycache__" not in path.parts]

    def command(self) -> list[str]:
        """The mmdebstrap command that writes the root file system to its standard output."""
        uploads = [f"--customize-hook=upload {path} /usr/local/sbin/{path.name}" for path in self.files]
        if self.tree:
            uploads += [f'--customize-hook=mkdir -p "$1"{self.tree[1]}']
            uploads += [f"--customize-hook=sync-in {self.tree[0]} {self.tree[1]}"]
        hooks = [f"--customize-hook={hook}" for hook in self.hooks]
        include = f"--include={','.join(self.packages)}"
        options = ["--quiet", "--variant=minbase", include, *uploads, *hooks]
        return ["mmdebstrap", *options, SUITE, "-", *self.sources]


_LOGIN = (
    f'chroot "$1" useradd -m -u 1001 -s /bin/bash -G sudo {USER}',
    f'echo "{USER} ALL=(ALL:ALL) NOPASSWD:ALL" > "$1"/etc/sudoers.d/{USER}',
    f'chmod 440 "$1"/etc/sudoers.d/{USER}',
)
FIRST_BOOT = "/var/lib/estate-first-boot"
_INFECT = (
    # Where files/edge/first_boot.sh puts the real ones, which it takes from there when their digest is right
    f'mkdir -p "$1"{FIRST_BOOT} && : > "$1"{FIRST_BOOT}/nix-install',
    f'mv "$1"/usr/local/sbin/nixos-infect "$1"{FIRST_BOOT}/nixos-infect',
)


def _host_hooks(masked: tuple[str, ...]) -> tuple[str, ...]:
    sbin = " ".join(f'"$1"/usr/local/sbin/{name}' for name in ("lab-init", "lab-seed"))
    return (
        f"chmod 755 {sbin}",
        'rm -f "$1"/etc/ssh/ssh_host_*',
        ': > "$1"/etc/machine-id',
        f'for u in {" ".join(masked)}; do ln -sf /dev/null "$1"/etc/systemd/system/$u; done',
    )


def host_image() -> Rootfs:
    """The image of every lab host but the fleet's."""
    return Rootfs(
        repository="estate-lab/host",
        packages=HOST_PACKAGES,
        sources=tuple(host_sources(machine_sources())),
        files=(FILES / "lab-init", FILES / "lab-seed"),
        hooks=(*_host_hooks(MASKED), *_LOGIN),
    )


def edge_image() -> Rootfs:
    """The image of a machine that a provider would give the fleet: a Debian, to become a NixOS (lab/nixpkgs)."""
    return Rootfs(
        repository="estate-lab/edge",
        packages=EDGE_PACKAGES,
        sources=tuple(host_sources(machine_sources())),
        files=(FILES / "lab-init", FILES / "lab-seed", FILES / "nixos-infect"),
        tree=(NIXPKGS, NIXPKGS_ON_HOST),
        hooks=(*_host_hooks(MASKED + EDGE_MASKED), *_INFECT),
    )


def proxmox_image() -> Rootfs:
    """The image of a Proxmox node; the stand-ins themselves are put into each host (lab/proxmox.py)."""
    return Rootfs(
        repository="estate-lab/proxmox",
        packages=PROXMOX_PACKAGES,
        sources=tuple(host_sources(machine_sources())),
        files=(FILES / "lab-init", FILES / "lab-seed"),
        tree=(FILES / "proxmox", "/"),
        hooks=(*_host_hooks(MASKED + PROXMOX_MASKED), *_LOGIN),
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
