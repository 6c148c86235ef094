"""What a small VPS has beside its stack: swap, WireGuard's kernel module, and Pangolin's first start."""

import json
from collections.abc import Mapping

from estate.models.desired import Desired, Directory, File, Handler, Node, Tree, Unit
from estate.models.host import VpsHost
from estate.models.stack import Stack
from estate.models.vps import PangolinSettings
from estate.render.fail2ban import fail2ban
from estate.render.templates import render

SWAP = "/usr/local/sbin/estate-swap"
PANGOLIN = "/usr/local/sbin/estate-pangolin"
MODULES = "/etc/modules-load.d/60-estate.conf"
# A container has its machine's modules
_LOAD = "systemd-detect-virt --quiet --container || systemctl restart systemd-modules-load"


def _swap(size: int) -> tuple[list[Node], Handler]:
    script = File(SWAP, render("vps/estate-swap.sh.j2", size=size).encode(), mode=0o755)
    unit = File("/etc/systemd/system/swapfile.swap", render("vps/swapfile.swap.j2").encode())
    paths = (script.path, unit.path)
    return [script, unit], Handler("swap", SWAP, Tree((script, unit)).digest, paths, probe=f"{SWAP} --check")


def vps(host: VpsHost, stack: Stack | None) -> Desired:
    """Swap, and the kernel module of the tunnels."""
    nodes: list[Node] = []
    handlers: list[Handler] = []
    units: tuple[Unit, ...] = ()
    if stack is not None and "gerbil" in stack:
        # Gerbil gets no CAP_SYS_MODULE: the machine loads the module itself
        modules = File(MODULES, b"# Estate: Gerbil's tunnels.\nwireguard\n")
        nodes += [modules, Directory("/etc/modules-load.d")]
        handlers.append(Handler("modules", _LOAD, modules.digest, (modules.path,)))
    if host.swap:
        files, handler = _swap(host.swap)
        nodes += files
        handlers.append(handler)
        units = (Unit("swapfile.swap"),)
    return Desired(task="vps", tree=Tree(tuple(nodes)), units=units, handlers=tuple(handlers))


def pangolin(stack: Stack, settings: PangolinSettings, secrets: Mapping[str, str]) -> Desired:
    """Pangolin's admin, organization and site, made over its API from the host: nobody has to click.

    Source of the calls: Pangolin's server/routers/external.ts (set-server-admin, login, org, site), as scripts in the
    field use them; 1.23. Its passwords want a special character, so the admin's is the secret and "!".
    """
    document = {
        "email": settings.admin_email,
        "password": f"{secrets['PANGOLIN_ADMIN_PASSWORD']}!",
        "setupToken": secrets["PANGOLIN_SETUP_TOKEN"],
        "organization": settings.organization,
        "site": settings.site,
        "newtId": secrets["NEWT_ID"],
        "newtSecret": secrets["NEWT_SECRET"],
    }
    values = File(
        f"{stack.secrets_dir}/pangolin.json", json.dumps(document, indent=1).encode(), mode=0o400, mask="whole"
    )
    script = File(PANGOLIN, render("vps/estate-pangolin.sh.j2", settings=values.path).encode(), mode=0o755)
    tree = Tree((values, script))
    handler = Handler(
        "pangolin", PANGOLIN, tree.digest, (values.path, script.path), probe=f"{PANGOLIN} --check >/dev/null 2>&1"
    )
    return Desired(task="pangolin", packages=("curl", "jq"), tree=tree, handlers=(handler,))


def vps_tasks(host: VpsHost, stack: Stack | None, secrets: Mapping[str, str]) -> list[Desired]:
    """All tasks of a VPS beside those of every host, in their order."""
    if not (host.swap or stack or host.fail2ban):
        return []
    tasks = [vps(host, stack)]
    if stack is not None and host.pangolin and "pangolin" in stack:
        tasks.append(pangolin(stack, host.pangolin, secrets))
    if host.fail2ban:
        tasks.append(fail2ban(host, stack, host.fail2ban))
    return tasks
