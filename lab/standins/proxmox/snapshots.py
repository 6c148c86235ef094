"""`pct snapshot`, `rollback`, `delsnapshot`, `listsnapshot`."""

import time
from pathlib import Path

from lab.standins.proxmox import guests, power, propstr, storage
from lab.standins.proxmox.ctconf import Config, Part
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node


def images(node: Node, part: dict[str, str]) -> list[Path]:
    """The image of every volume. Raises PveError when one cannot have snapshots: a bind mount, a raw file."""
    found = []
    for key, text in part.items():
        if not propstr.VOLUME_KEY.fullmatch(key):
            continue
        volume = text.partition(",")[0]
        one = None if volume.startswith("/") else storage.resolve(node, volume)[0]
        if one is None or not one.snapshots:
            raise PveError("snapshot feature is not available")
        found.append(storage.path_of(node, volume))
    return found


def _saved(image: Path, name: str) -> Path:
    return image.with_name(f"snap_{image.name}_{name}")


def take(node: Node, vmid: int, name: str, description: str = "") -> None:
    """Snapshot a container. Raises PveError."""
    node.need_quorum()
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        guests.check_lock(config)
        if name == "current" or name in config.snapshots:
            raise PveError(f"snapshot name '{name}' already used")
        found = images(node, config.values)
        guests.set_lock(node, vmid, "snapshot")
        try:
            copy(node, vmid, found, name)
        finally:
            guests.set_lock(node, vmid, "")
        values = {key: value for key, value in config.values.items() if key != "lock"}
        config.snapshots[name] = Part(values | {"snaptime": str(int(time.time()))}, _text(description), [])
        config.values["parent"] = name
        guests.save(node, vmid, config)


def _text(description: str) -> str:
    return description + "\n" if description else ""


def copy(node: Node, vmid: int, found: list[Path], name: str) -> None:
    """Copy images while the container is halted; no copy stays of a failed one."""
    running = node.backend.usage(vmid) is not None
    if running:
        node.backend.freeze(vmid, True)
    try:
        for image in found:
            node.backend.copy_image(image, _saved(image, name))
    except PveError:
        drop(found, name)
        raise
    finally:
        if running:
            node.backend.freeze(vmid, False)


def drop(found: list[Path], name: str) -> None:
    """Delete a snapshot's images."""
    for image in found:
        _saved(image, name).unlink(missing_ok=True)


def saved(found: list[Path], name: str) -> list[Path]:
    """A snapshot's images."""
    return [_saved(image, name) for image in found]


def _get(config: Config, name: str) -> Part:
    if name not in config.snapshots:
        raise PveError(f"snapshot '{name}' does not exist")
    return config.snapshots[name]


def rollback(node: Node, vmid: int, name: str, start: bool) -> None:
    """Go back to a snapshot; a running container is ended first. Raises PveError."""
    node.need_quorum()
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        guests.check_lock(config)
        part = _get(config, name)
        found = images(node, part.values)
        if node.backend.usage(vmid):
            power.halt(node, vmid, None, force=True)
        guests.set_lock(node, vmid, "rollback")
        for image in found:
            node.backend.copy_image(_saved(image, name), image)
        values = {key: value for key, value in part.values.items() if key != "snaptime"}
        config.current = Part(values | {"parent": name}, config.current.description, config.current.raw)
        config.pending.values.clear()
        guests.save(node, vmid, config)
        if start:
            power.launch(node, vmid, config)


def delete(node: Node, vmid: int, name: str) -> None:
    """Delete a snapshot; its children become its parent's. Raises PveError."""
    node.need_quorum()
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        guests.check_lock(config)
        part = _get(config, name)
        drop(images(node, part.values), name)
        del config.snapshots[name]
        for other in (config.current, *config.snapshots.values()):
            if other.values.get("parent") == name:
                other.values.pop("parent")
                if parent := part.values.get("parent"):
                    other.values["parent"] = parent
        guests.save(node, vmid, config)


def rows(config: Config) -> list[dict[str, str | int]]:
    """The snapshots as the API gives them, and `current`."""
    found: list[dict[str, str | int]] = []
    for name, part in sorted(config.snapshots.items()):
        row: dict[str, str | int] = {"name": name, "description": part.description}
        row["snaptime"] = int(part.values.get("snaptime", 0))
        found.append(row | ({"parent": part.values["parent"]} if "parent" in part.values else {}))
    current: dict[str, str | int] = {"name": "current", "description": "You are here!", "digest": config.digest}
    return [*found, current | ({"parent": config.values["parent"]} if "parent" in config.values else {})]


def tree(config: Config) -> str:
    """What `pct listsnapshot` prints."""
    every = rows(config)
    names = {row["name"] for row in every}
    lines: list[str] = []

    def add(parent: str | None, depth: int) -> None:
        for row in every:
            if (row.get("parent") if row.get("parent") in names else None) == parent:
                taken = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(row.get("snaptime", 0))))
                when = taken if row["name"] != "current" else ""
                text = str(row["description"]).splitlines()
                lines.append(f"{'  ' * depth}`-> {row['name']:<27} {when:<23} {text[0] if text else 'no-description'}")
                add(str(row["name"]), depth + 1)

    add(None, 0)
    return "\n".join(lines)
