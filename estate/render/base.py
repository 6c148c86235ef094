"""The base of every Linux host: accounts, sshd, kernel settings, time, updates, journal."""

from collections.abc import Iterable

from estate.models.desired import Account, Desired, Directory, File, Guard, Handler, Node, Tree, Unit
from estate.models.host import Host
from estate.models.host_parts import User
from estate.render.hardening import harden_handler, hardening
from estate.render.ssh_policy import algorithms
from estate.render.templates import render

PACKAGES = (
    "ca-certificates",
    "curl",
    # compares installed files with what their packages brought
    "debsums",
    # a password set by hand, on a console say, has to be a strong one
    "libpam-passwdqc",
    "openssh-server",
    "sudo",
    "systemd-timesyncd",
    "unattended-upgrades",
)


def _files(host: Host, names: Iterable[tuple[str, str]]) -> list[File]:
    words = {"host": host, "algorithms": algorithms(host)}
    return [File(path, render(f"base/{template}", **words).encode()) for path, template in names]


def _keys(host: Host, user: User) -> list[Node]:
    home = f"/home/{user.name}"
    text = "".join(f"{key}\n" for key in host.admin_keys)
    return [
        Directory(f"{home}/.ssh", mode=0o700, owner=user.name, group=user.name),
        File(f"{home}/.ssh/authorized_keys", text.encode(), mode=0o600, owner=user.name, group=user.name),
    ]


def _accounts(host: Host) -> tuple[Account, ...]:
    return tuple(Account(u.name, u.uid, u.gid, u.shell, groups=("sudo",) if u.admin else ()) for u in host.users)


def base(host: Host) -> Desired:
    """What `tasks/base.py` makes true on every host."""
    sshd, sysctl, journald, timesyncd, upgrades, periodic = _files(
        host,
        (
            ("/etc/ssh/sshd_config.d/10-estate.conf", "sshd.conf.j2"),
            ("/etc/sysctl.d/60-estate.conf", "sysctl.conf.j2"),
            ("/etc/systemd/journald.conf.d/60-estate.conf", "journald.conf.j2"),
            ("/etc/systemd/timesyncd.conf.d/60-estate.conf", "timesyncd.conf.j2"),
            ("/etc/apt/apt.conf.d/52-estate-unattended-upgrades", "unattended-upgrades.conf.j2"),
            ("/etc/apt/apt.conf.d/20auto-upgrades", "auto-upgrades.conf.j2"),
        ),
    )
    hard = hardening(host)
    sudoers = File("/etc/sudoers.d/60-estate", render("base/sudoers.j2", host=host).encode(), mode=0o440)
    nodes: list[Node] = [
        sshd,
        sysctl,
        journald,
        timesyncd,
        upgrades,
        periodic,
        sudoers,
        *hard,
        Directory("/etc/systemd/journald.conf.d"),
        Directory("/etc/systemd/timesyncd.conf.d"),
        *(node for user in host.admins for node in _keys(host, user)),
    ]
    return Desired(
        task="base",
        packages=tuple(sorted({*PACKAGES, *host.packages})),
        accounts=_accounts(host),
        tree=Tree(tuple(nodes)),
        units=(Unit("ssh.service"), Unit("systemd-timesyncd.service"), Unit("unattended-upgrades.service")),
        sysctl=tuple(sorted(host.sysctl.items())),
        handlers=(
            Handler(
                "sshd",
                "sshd -t && systemctl reload ssh",
                sshd.digest,
                (sshd.path,),
                guard=Guard(undo="systemctl reload ssh || systemctl restart ssh"),
            ),
            Handler("sudoers", "visudo -cq", sudoers.digest, (sudoers.path,)),
            Handler("journald", "systemctl restart systemd-journald", journald.digest, (journald.path,)),
            Handler("timesyncd", "systemctl try-restart systemd-timesyncd", timesyncd.digest, (timesyncd.path,)),
            harden_handler(hard),
        ),
    )
