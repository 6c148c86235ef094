"""Starting and ending containers, with their volumes mounted in the meantime."""

import re
from pathlib import Path

from lab.standins.proxmox import guests, lxcconf, propstr, setup, storage
from lab.standins.proxmox.ctconf import Config
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

SHUTDOWN_SECONDS = 60


def mount(node: Node, vmid: int, config: Config) -> Path:
    """Mount a container's root and what belongs below it; its root's path. Raises PveError."""
    root = node.backend.root(vmid)
    if node.backend.mounted(root):
        return root
    try:
        for key, text in sorted(config.volumes().items(), key=lambda item: item[0] != "rootfs"):
            _mount_one(node, root, key, text, guests.owner(config))
    except PveError:
        node.backend.unmount(root)
        raise
    return root


def _source(node: Node, volume: str) -> Path:
    """The directory or the image of a volume. Raises PveError."""
    if volume.startswith("/"):
        source = node.root / volume.lstrip("/")
        if not source.exists():
            raise PveError(f"directory '{volume}' does not exist")
        if source.is_symlink():
            raise PveError(f"bind mount source '{volume}' is a symbolic link")
        return source
    one, name = storage.resolve(node, volume)
    one.activate()
    if not one.path(name).exists():
        raise PveError(f"volume '{volume}' does not exist")
    return one.path(name)


def _mount_one(node: Node, root: Path, key: str, text: str, owner: int) -> None:
    parsed = (propstr.ROOTFS if key == "rootfs" else propstr.MOUNT).parse(text)
    target = root / parsed.get("mp", "").lstrip("/")
    source = _source(node, parsed["volume"])
    if key != "rootfs":
        own = setup.Root(root, owner)
        if own.at(parsed["mp"]).is_symlink():
            raise PveError(f"mount point '{parsed['mp']}' is a symbolic link in the container")
        own.folder(target)
    node.backend.mount(source, target, parsed.get("ro") == "1")


def plug(node: Node, vmid: int, text: str, owner: int) -> None:
    """Mount a new mount point in a running container, and where its root is mounted on the node. Raises PveError."""
    parsed = propstr.MOUNT.parse(text)
    root = node.backend.root(vmid)
    _mount_one(node, root, "mp", text, owner)
    node.backend.plug(vmid, root / parsed["mp"].lstrip("/"), parsed["mp"])


def unmount(node: Node, vmid: int) -> None:
    """Unmount all of it."""
    node.backend.unmount(node.backend.root(vmid))


def node_resolver(node: Node) -> str:
    """The name servers of the node, for a container that declares none; loopback ones cannot be reached from it."""
    text = (node.root / "etc/resolv.conf").read_text() if (node.root / "etc/resolv.conf").exists() else ""
    servers = re.findall(r"^nameserver\s+(\S+)", text, re.MULTILINE)
    found = [server for server in servers if not server.startswith("127.")] or node.machine().get("nameservers", [])
    return "".join(f"nameserver {server}\n" for server in found)


def start(node: Node, vmid: int, skip_lock: bool = False) -> None:
    """Start a container. Raises PveError."""
    node.need_quorum()
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        if not skip_lock:
            guests.check_lock(config)
        if node.backend.usage(vmid):
            raise PveError(f"CT {vmid} already running")
        if config.values.get("template") == "1":
            raise PveError("you can't start a CT if it's a template")
        launch(node, vmid, config)


def launch(node: Node, vmid: int, config: Config) -> None:
    """Start a container that is held already, with what is pending."""
    guests.apply_pending(node, vmid, config)
    for key, net in setup.nets(config.values).items():
        bridge = net.get("bridge", "")
        if bridge and not (node.root / "sys/class/net" / bridge).exists() and node.root == Path("/"):
            raise PveError(f"bridge '{bridge}' does not exist ({key})")
    root = mount(node, vmid, config)
    try:
        own = setup.Root(root, guests.owner(config))
        setup.before_start(own, config.values, vmid, node_resolver(node))
        node.backend.start(vmid, lxcconf.render(vmid, config, root), guests.limits(node, config))
    except (PveError, OSError):
        unmount(node, vmid)
        raise


def stop(node: Node, vmid: int, timeout: int | None = None, force: bool = True, skip_lock: bool = False) -> None:
    """End a container: at once, or by a clean shutdown within `timeout` seconds. Raises PveError."""
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        if not skip_lock:
            guests.check_lock(config)
        if not node.backend.usage(vmid):
            raise PveError(f"CT {vmid} not running")
        halt(node, vmid, timeout, force)


def halt(node: Node, vmid: int, timeout: int | None, force: bool) -> None:
    """End a container that is held already."""
    ended = node.backend.stop(vmid, timeout)
    if not ended and force:
        ended = node.backend.stop(vmid, None)
    if not ended:
        raise PveError(f"command 'lxc-stop -n {vmid} --nokill --timeout {timeout}' failed: exit code 1")
    unmount(node, vmid)


def reboot(node: Node, vmid: int, timeout: int) -> None:
    """Shut a container down and start it with what its configuration says now. Raises PveError."""
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        guests.check_lock(config)
        if not node.backend.usage(vmid):
            raise PveError(f"VM {vmid} not running")
        halt(node, vmid, timeout, force=True)
        launch(node, vmid, config)


def start_order(config: Config) -> tuple[float, str]:
    """Where a container stands among those that start with the node."""
    text = config.values.get("startup", "")
    order = propstr.STARTUP.parse(text).get("order", "") if text else ""
    return (float(order) if order else float("inf"), config.values.get("hostname", ""))
