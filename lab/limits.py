"""Limits of the machine that many hosts share: each systemd holds some of root's inotify instances."""

from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError
from lab.hosts import LabHost

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
PER_HOST = 3
PER_ENGINE = 1
UNPRIVILEGED = range(100_000, 165_536)
"""Users of containers on the Proxmox nodes: root made their namespace, so theirs count as root's too."""


def instances_needed(hosts: Iterable[LabHost]) -> int:
    """The inotify instances that hosts take once they have booted."""
    return sum(PER_HOST + PER_ENGINE * host.needs_engine for host in hosts)


def instances_used(proc: Path = Path("/proc")) -> int:
    """The inotify instances that count as root's, as far as this process may see them."""
    return sum(_held(process) for process in proc.glob("[0-9]*"))


def check(new_hosts: Iterable[LabHost], used: int, limit: int) -> None:
    """Raise when the machine's limit does not allow the hosts that are about to boot."""
    needed = instances_needed(new_hosts)
    if used + needed > limit:
        raise LabError(
            f"the hosts to be started need {needed} inotify instances; root holds {used} of {limit}",
            f"end other containers, choose a smaller profile, or set fs.inotify.max_user_instances to "
            f"{used + needed + 64} on this machine",
        )


def _held(process: Path) -> int:
    try:
        owner = process.stat().st_uid
        if owner != 0 and owner not in UNPRIVILEGED:
            return 0
        links = [str(link.readlink()) for link in (process / "fd").iterdir()]
    except OSError:
        return 0
    return links.count("anon_inode:inotify")
