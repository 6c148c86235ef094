"""Run a tool by the name it is called by, or one of the node's services."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.standins.proxmox import boot, firewall_daemon, httpd, jobs, pct, tools
from lab.standins.proxmox.lxc import Lxc
from lab.standins.proxmox.node import Node

Tool = Callable[[Node, Sequence[str]], int]
TOOLS: dict[str, Tool] = {
    "pct": pct.main,
    "pvesh": tools.pvesh,
    "pveam": tools.pveam,
    "pvesm": tools.pvesm,
    "pveum": tools.pveum,
    "pvecm": tools.pvecm,
    "vzdump": tools.vzdump,
    "pve-firewall": tools.pve_firewall,
}


def _pmxcfs(node: Node) -> None:
    """Its library is on the nodes only."""
    from lab.standins.proxmox import pmxcfs_mount

    pmxcfs_mount.serve(node)


SERVICES: dict[str, Callable[[Node], None]] = {
    "boot": boot.boot,
    "guests-start": boot.start_guests,
    "guests-stop": boot.stop_guests,
    "proxy": httpd.serve,
    "scheduler": lambda node: print(f"{jobs.run_due(node)} jobs"),
    "pmxcfs": _pmxcfs,
    "firewall": firewall_daemon.serve,
}


def main(argv: Sequence[str]) -> int:
    """`argv[0]` is the tool's name or path, or `pve-standin` with a service's name."""
    os.umask(0o022)
    name, node = Path(argv[0]).name, Node.here(Lxc())
    if name in TOOLS:
        return TOOLS[name](node, list(argv[1:]))
    if len(argv) > 1 and argv[1] in SERVICES:
        SERVICES[argv[1]](node)
        return 0
    print(f"pve-standin: no tool or service; services are {', '.join(SERVICES)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
