"""What the lab needs to know of, and have on, the machine it runs on."""

import os
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError
from lab.run import as_root, have, run

PACKAGES: Mapping[str, str] = {
    "dockerd": "docker.io",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "gpg": "gpg",
    "iptables": "iptables",
    "wg-quick": "wireguard-tools",
    "wireguard-go": "wireguard-go",
    "nix-instantiate": "nix-bin",
    "node": "nodejs",
    "npm": "npm",
    "g++": "g++",
    "make": "make",
    "zstd": "zstd",
}

_CAPABILITIES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
    MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
    BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
CAPABILITIES = tuple(_CAPABILITIES.split())
LATE_CAPABILITIES = frozenset({"PERFMON", "BPF", "CHECKPOINT_RESTORE"})
FIRST_ENGINE_WITH_LATE = 23


def missing_packages(engine_answers: bool) -> list[str]:
    """The Debian packages that have to be installed; no engine's when one answers already."""
    missing = {package for program, package in PACKAGES.items() if not have(program)}
    if engine_answers:
        missing -= {"docker.io", "iptables"}
    if not have("docker"):
        missing.add("docker-cli" if engine_answers and _has_package("docker-cli") else "docker.io")
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.add("debian-archive-keyring")
    return sorted(missing)


def _has_package(name: str) -> bool:
    return run(["apt-cache", "show", name], check=False).ok if have("apt-cache") else False


def install(packages: list[str]) -> None:
    """Install Debian packages; starts no services, so the lab decides about the engine."""
    if not have("apt-get"):
        raise LabError(
            f"this machine lacks {', '.join(packages)} and has no apt-get",
            "install them by hand, or run the lab on Debian or Ubuntu",
        )
    require_root()
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300", "-q", "-y"]
    run(as_root([*quiet, "update"]), check=False)
    run(as_root([*quiet, "install", "--no-install-recommends", *packages]), timeout=1800)


def require_root() -> None:
    """Raise unless commands can be run as root without a password."""
    if os.geteuid() != 0 and not run(["sudo", "-n", "true"], check=False).ok:
        raise LabError("the lab needs root's rights on this machine", "run it as root, or allow `sudo -n`")


def bounding_set(status: str) -> tuple[str, ...]:
    """The capabilities in a process's bounding set, by name, from its /proc status."""
    line = next((line for line in status.splitlines() if line.startswith("CapBnd:")), "CapBnd: 0")
    mask = int(line.split()[1], 16)
    return tuple(name for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1)


def capabilities(engine_version: str, status: Path = Path("/proc/1/status")) -> tuple[str, ...]:
    """What this machine can give to a host: the bounding set, as far as the engine knows the names."""
    names = bounding_set(status.read_text())
    if int(engine_version.partition(".")[0] or 0) >= FIRST_ENGINE_WITH_LATE:
        return names
    return tuple(name for name in names if name not in LATE_CAPABILITIES)


def cgroup_version(root: Path = Path("/sys/fs/cgroup")) -> int:
    """2 on a machine with the unified hierarchy at its root, 1 on any other."""
    return 2 if (root / "cgroup.controllers").exists() else 1
