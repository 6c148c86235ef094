"""Lustration: at the first boot after nixos-infect, what is not NixOS' goes to /old-root.

Debian itself is what the stand-in runs on and stays: what goes is what its packages do not own, in
the directories where people and tools leave things. What /etc/NIXOS_LUSTRATE names stays as well.
"""

import contextlib
import fnmatch
import pwd
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from .shell import run, say
from .users import NORMAL

MARK = Path("/etc/NIXOS_LUSTRATE")
OLD_ROOT = "old-root"
# Everything in these goes, whoever owns it.
EMPTIED = (
    "home", "root", "opt", "srv", "usr/local/bin", "usr/local/sbin", "etc/wireguard", "etc/systemd/system",
    "etc/systemd/network", "etc/ssh", "etc/cron.d", "etc/sudoers.d", "etc/sysctl.d", "etc/nftables.conf",
    "etc/modprobe.d", "etc/profile.d", "var/spool/cron", "var/backups",
)  # fmt: skip
# Of these goes what no Debian package owns and Debian does not make itself.
SIFTED = ("etc", "var/lib")
MADE_BY_DEBIAN = """
    alternatives ca-certificates.conf default dpkg environment fstab group group- gshadow gshadow- hostname hosts
    ld.so.cache localtime machine-id mtab nsswitch.conf pam.d passwd passwd- resolv.conf rc0.d rc1.d rc2.d rc3.d
    rc4.d rc5.d rc6.d rcS.d shadow shadow- shells ssl subgid subgid- subuid subuid- timezone .pwd.lock nixos nix
    NIXOS NIXOS_LUSTRATE os-release apt adjtime motd issue locale.conf systemd dbus misc pam private python ucf
    sudo polkit-1 ca-certificates python3 inputrc networks
"""
# The lab's own: how a container starts, which authorities it trusts, what stands in for packages.
LAB = (
    "usr/local/sbin/lab-*",
    "etc/ssh/sshd_config.d/00-lab.conf",
    "etc/ssh/ssh_config",
    "etc/ssh/moduli",
    "opt/uptime-kuma",
)


def lustrate(root: Path = Path("/")) -> None:
    """Move what is lost to /old-root, remove Debian's people, and take the mark away."""
    mark = root / MARK.relative_to("/")
    kept = [line.strip().strip("/") for line in mark.read_text().splitlines() if line.strip()]
    for path in sorted(lost(root, kept)):
        target = root / OLD_ROOT / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        say(f"lustrating /{path.relative_to(root)}")
        with contextlib.suppress(OSError):
            shutil.move(path, target)
    if root == Path("/"):
        for user in [user for user in pwd.getpwall() if user.pw_uid in NORMAL]:
            run("userdel", "--force", user.pw_name, check=False)
    mark.unlink()


def lost(root: Path, kept: Sequence[str]) -> Iterator[Path]:
    """The paths that go: whole ones, except where something below is kept."""
    owned = _owned(root)
    for name in EMPTIED:
        path = root / name
        found = path.iterdir() if path.is_dir() else [path] if path.exists() else []
        for entry in found:
            yield from _without(entry, root, kept)
    for name in SIFTED:
        for entry in (root / name).iterdir():
            below = str(entry.relative_to(root))
            if below not in owned and entry.name not in MADE_BY_DEBIAN.split() and below not in EMPTIED:
                yield from _without(entry, root, kept)


def _without(path: Path, root: Path, kept: Sequence[str]) -> Iterator[Path]:
    below = str(path.relative_to(root))
    masked = below.startswith("etc/systemd/system/") and path.is_symlink() and str(path.readlink()) == "/dev/null"
    if masked or any(fnmatch.fnmatch(below, pattern) for pattern in (*kept, *LAB)):
        return
    if path.is_dir() and not path.is_symlink() and any(name.startswith(f"{below}/") for name in (*kept, *LAB)):
        for entry in path.iterdir():
            yield from _without(entry, root, kept)
        return
    yield path


def _owned(root: Path) -> set[str]:
    names: set[str] = set()
    for listing in (root / "var/lib/dpkg/info").glob("*.list"):
        names |= {line.strip("/") for line in listing.read_text().splitlines()}
    return names
