"""A container's volumes: allocated for it, grown, freed."""

import re
import secrets
from typing import Any

from lab.standins.proxmox import guests, propstr, storage
from lab.standins.proxmox.ctconf import Config
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

_NEW = re.compile(r"([A-Za-z][A-Za-z0-9\-_.]*):(\d+(?:\.\d+)?)")
_GIB = 1024**3


def allocate(node: Node, vmid: int, key: str, text: str, owner: int) -> tuple[str, bool]:
    """The setting of a volume, allocated when it asks for one (`STORAGE:GiB`), and whether it was."""
    form = propstr.ROOTFS if key == "rootfs" else propstr.MOUNT
    parsed = form.parse(text)
    new = _NEW.fullmatch(parsed["volume"])
    if not new:
        if key == "rootfs":
            raise PveError(f"storage '{parsed['volume']}' does not exist" if ":" not in parsed["volume"]
                           else f"volume '{parsed['volume']}' cannot be used for a new container")  # fmt: skip
        return form.format(parsed), False
    one = storage.get(node, new[1])
    if "rootdir" not in one.content:
        raise PveError(f"storage '{one.name}' does not support CT rootdirs")
    one.activate()
    size = int(float(new[2]) * _GIB)
    one.need_space(size)
    volume = one.new_image(vmid)
    node.backend.make_image(one.path(volume), size, owner)
    return form.format(parsed | {"volume": f"{one.name}:{volume}", "size": propstr.format_size(size)}), True


def with_address(text: str) -> str:
    """The setting of a network interface, with a hardware address and its type."""
    parsed = propstr.NET.parse(text)
    parsed.setdefault("hwaddr", "BC:24:11:" + ":".join(f"{byte:02X}" for byte in secrets.token_bytes(3)))
    parsed.setdefault("type", "veth")
    return propstr.NET.format(parsed)


def owned(node: Node, vmid: int, text: str) -> storage.Storage | None:
    """The storage of a volume that belongs to this container; None for a bind mount and another's."""
    volume = text.partition(",")[0]
    if volume.startswith("/"):
        return None
    one, name = storage.resolve(node, volume)
    return one if re.search(rf"\bvm-{vmid}-disk-", name) else None


def free(node: Node, vmid: int, config: Config) -> None:
    """Delete a container's volumes with their snapshots."""
    texts = {text for key, text in config.values.items() if key.startswith("unused")} | set(config.volumes().values())
    for part in config.snapshots.values():
        texts |= {text for key, text in part.values.items() if propstr.VOLUME_KEY.fullmatch(key)}
    for text in texts:
        if one := owned(node, vmid, text):
            path = one.path(text.partition(",")[0].partition(":")[2])
            for image in [path, *path.parent.glob(f"snap_{path.name}_*")]:
                image.unlink(missing_ok=True)


def resize(node: Node, vmid: int, values: dict[str, Any]) -> None:
    """`pct resize`: to a size, or by one with `+`; never smaller. Raises PveError."""
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        guests.check_lock(config)
        check_digest(config, values)
        key, wanted = values["disk"], values["size"]
        if key not in config.volumes():
            raise PveError(f"disk '{key}' does not exist")
        form = propstr.ROOTFS if key == "rootfs" else propstr.MOUNT
        parsed = form.parse(config.values[key])
        one, name = storage.resolve(node, parsed["volume"])
        one.activate()
        path = one.path(name)
        old = path.stat().st_size
        new = old * wanted.startswith("+") + propstr.parse_size(wanted.lstrip("+"))
        if new < old:
            raise PveError("unable to shrink disk size")
        if new == old:
            raise PveError("disk is already at specified size")
        one.need_space(new)
        node.say(f"  Size of logical volume {parsed['volume']} changed to {propstr.format_size(new)}.")
        node.backend.grow_image(path, new, _target(node, vmid, parsed))
        config.values[key] = form.format(parsed | {"size": propstr.format_size(new)})
        guests.save(node, vmid, config)


def _target(node: Node, vmid: int, parsed: propstr.Properties) -> Any:
    target = node.backend.root(vmid) / parsed.get("mp", "").lstrip("/")
    return target if node.backend.mounted(target) else None


def check_digest(config: Config, values: dict[str, Any]) -> None:
    """Raise PveError when the caller's digest is not the file's."""
    if (digest := values.get("digest")) and digest != config.digest:
        raise PveError("detected modified configuration - file changed by other user? Try again.")
