"""fail2ban: who fails to log in too often is shut out of every port, Docker's published ones included."""

from estate.models.desired import Desired, Directory, File, Handler, Node, Tree, Unit
from estate.models.host import VpsHost
from estate.models.stack import Stack
from estate.models.vps import Fail2ban
from estate.render.release import data_path
from estate.render.templates import render

TABLE = "f2b-estate"
"""The nftables table of the bans; fail2ban makes it."""
LOG_DIR = "traefik-logs"
"""Traefik's log directory among the stack's data."""


def traefik_log(stack: Stack | None) -> str:
    """Where Traefik's access log lies on the host; empty without a Traefik."""
    return f"{data_path(stack, LOG_DIR)}/access.log" if stack and "traefik" in stack else ""


def jails(stack: Stack | None) -> tuple[str, ...]:
    """The jails that are to run."""
    return ("sshd", *(("traefik-auth",) if traefik_log(stack) else ()), "recidive")


def _files(host: VpsHost, stack: Stack | None, settings: Fail2ban) -> list[Node]:
    log = traefik_log(stack)
    # Containers come to the host's own sites with their own addresses
    own = [stack.settings.subnet] if stack else []
    jail = render(
        "fail2ban/jail.conf.j2",
        host=host,
        settings=settings,
        table=TABLE,
        traefik_log=log,
        ignore=[*own, *host.trusted_networks, *settings.ignore],
    )
    # A day more than the longest ban
    purge = max(settings.ban_max, settings.recidive_ban) + 86_400
    nodes: list[Node] = [
        # .local: read after defaults-debian.conf, which would win otherwise (jail.conf(5))
        File("/etc/fail2ban/jail.d/60-estate.local", jail.encode()),
        File("/etc/fail2ban/filter.d/authentik.conf", render("fail2ban/authentik.conf.j2").encode()),
        File("/etc/fail2ban/fail2ban.d/60-estate.local", render("fail2ban/fail2ban.local.j2", purge=purge).encode()),
        *(Directory(f"/etc/fail2ban/{name}.d") for name in ("jail", "filter", "fail2ban")),
    ]
    if log:
        text = render("fail2ban/logrotate.j2", traefik_log=log)
        nodes.append(File("/etc/logrotate.d/estate-traefik", text.encode()))
    return nodes


def fail2ban(host: VpsHost, stack: Stack | None, settings: Fail2ban) -> Desired:
    """What `tasks/fail2ban.py` makes true; it comes after the stack, whose log it reads."""
    tree = Tree(tuple(_files(host, stack, settings)))
    read = Tree(tuple(node for node in tree.files if node.path.startswith("/etc/fail2ban/")))
    running = " && ".join(f"fail2ban-client status {name}" for name in jails(stack))
    return Desired(
        task="fail2ban",
        # python3-systemd reads the journal, and is only recommended by Debian 12's package
        packages=("fail2ban", "logrotate", "nftables", "python3-systemd"),
        tree=tree,
        units=(Unit("fail2ban.service"),),
        handlers=(
            Handler(
                "fail2ban",
                # A reload keeps the bans; one that is not running starts, and takes them from its database
                "fail2ban-client -t && { fail2ban-client reload || systemctl restart fail2ban; }",
                read.digest,
                tuple(file.path for file in read.files),
                probe=f"{{ {running}; }} >/dev/null",
            ),
        ),
    )
