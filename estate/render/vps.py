"""What a small VPS has beside its stack: swap, and WireGuard's kernel module for Gerbil."""

from estate.models.desired import Desired, Directory, File, Handler, Node, Tree, Unit
from estate.models.host import VpsHost
from estate.render.templates import render

SWAP = "/usr/local/sbin/estate-swap"
MODULES = "/etc/modules-load.d/60-estate.conf"


def _swap(size: int) -> tuple[list[Node], Handler]:
    script = File(SWAP, render("vps/estate-swap.sh.j2", size=size).encode(), mode=0o755)
    unit = File("/etc/systemd/system/swapfile.swap", render("vps/swapfile.swap.j2").encode())
    paths = (script.path, unit.path)
    return [script, unit], Handler("swap", SWAP, Tree((script, unit)).digest, paths, probe=f"{SWAP} --check")


def vps(host: VpsHost) -> Desired:
    """What `tasks/vps.py` makes true, before the stack comes up."""
    # Gerbil gets no CAP_SYS_MODULE: the machine loads the module itself
    modules = File(MODULES, b"# Estate: Gerbil's tunnels.\nwireguard\n")
    nodes: list[Node] = [modules, Directory("/etc/modules-load.d")]
    handlers = [Handler("modules", "systemctl restart systemd-modules-load", modules.digest, (modules.path,))]
    units: tuple[Unit, ...] = ()
    if host.swap:
        files, handler = _swap(host.swap)
        nodes += files
        handlers.append(handler)
        units = (Unit("swapfile.swap"),)
    return Desired(task="vps", tree=Tree(tuple(nodes)), units=units, handlers=tuple(handlers))
