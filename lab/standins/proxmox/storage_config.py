"""Changing storage.cfg: `pvesm add`, `set` and `remove`."""

import re
from typing import Any

from lab.standins.proxmox import propstr, sections, storage
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.schema import BOOL, TEXT, Param, need

_NAME = Param(optional=False, pattern=r"(?i)[a-z][a-z0-9\-_.]*[a-z0-9]")
_CONTENT = ("backup", "images", "import", "iso", "none", "rootdir", "snippets", "vztmpl")
_NEEDED = {"dir": ("path",), "nfs": ("server", "export"), "lvmthin": ("vgname", "thinpool")}
_SETTINGS = {"dir": {"path", "is_mountpoint", "shared", "preallocation", "mkdir", "create-base-path", "create-subdirs"},
             "nfs": {"server", "export", "options", "path", "preallocation", "mkdir", "create-base-path",
                     "create-subdirs"},
             "lvmthin": {"vgname", "thinpool"}}  # fmt: skip
_COMMON = {"content", "nodes", "disable", "prune-backups", "bwlimit", "format", "max-protected-backups"}
_DEFAULT = {"dir": "images,rootdir,vztmpl,iso,snippets,backup", "nfs": "images", "lvmthin": "images,rootdir"}
_FIXED = {"path", "export", "server", "vgname", "thinpool"}


def _contents(text: str) -> None:
    for word in re.split(r"[,; ]+", text):
        if word not in _CONTENT:
            raise ValueError(f"invalid content type '{word}'")


OPTIONS = {
    "content": Param(check=_contents),
    "nodes": Param(pattern=r"[a-zA-Z0-9\-]+([,; ]+[a-zA-Z0-9\-]+)*"),
    "disable": BOOL,
    "prune-backups": Param(check=propstr.PRUNE.parse),
    "options": TEXT,
    "bwlimit": TEXT,
    "format": Param(enum=("qcow2", "raw", "subvol", "vmdk")),
    "preallocation": Param(enum=("falloc", "full", "metadata", "off")),
    "max-protected-backups": Param("integer", minimum=-1),
    "is_mountpoint": TEXT,
    "shared": BOOL,
    "mkdir": BOOL,
    "create-base-path": BOOL,
    "create-subdirs": BOOL,
}
FIXED = {
    "path": Param(pattern=r"/\S*"),
    "server": Param(pattern=r"[A-Za-z0-9.:\-]+"),
    "export": Param(pattern=r"/\S*"),
    "vgname": TEXT,
    "thinpool": TEXT,
}
ADD = {"type": need(Param(enum=storage.TYPES)), "storage": _NAME, **OPTIONS, **FIXED}
SET = {"storage": _NAME, **OPTIONS, "delete": TEXT, "digest": TEXT}


def _known(kind: str, values: dict[str, Any]) -> None:
    wrong = set(values) - _COMMON - _SETTINGS[kind]
    if wrong:
        raise ParamError({name: f"unexpected property '{name}'" for name in wrong})


def add(node: Node, values: dict[str, Any]) -> dict[str, str]:
    """Declare a storage and try it, as `pvesm add` does. Raises PveError; it is not kept when it does not work."""
    kind, name = values.pop("type"), values.pop("storage")
    if kind not in storage.HERE:
        raise PveError(f"ESTATE LAB STAND-IN: storage type '{kind}' is not here; dir, lvmthin and nfs are")
    _known(kind, values)
    missing = [key for key in _NEEDED[kind] if key not in values]
    if missing:
        raise ParamError(dict.fromkeys(missing, "property is missing and it is not optional"))
    node.need_quorum()
    with node.cfs_lock(storage.CONFIG):
        found = sections.parse(node.read(storage.CONFIG) or storage.INITIAL)
        if name in found:
            raise PveError(f"storage ID '{name}' already defined")
        settings = {key: str(value) for key, value in values.items()}
        settings.setdefault("content", _DEFAULT[kind])
        if kind == "nfs":
            settings.setdefault("path", f"/mnt/pve/{name}")
        one = storage.Storage(node, kind, name, settings)
        if one.enabled:
            _try(one)
        found[name] = sections.Section(kind, name, settings)
        node.write(storage.CONFIG, sections.render(found))
    return {"storage": name, "type": kind}


def _try(one: storage.Storage) -> None:
    try:
        one.activate()
    except PveError as fault:
        raise PveError(f"create storage failed: {fault.message}") from fault
    for content in one.content & set(storage.FOLDERS):
        one.folder(content).mkdir(parents=True, exist_ok=True)


def change(node: Node, values: dict[str, Any]) -> dict[str, str]:
    """Change a storage's settings. Raises PveError."""
    name, delete = values.pop("storage"), values.pop("delete", "")
    values.pop("digest", None)
    node.need_quorum()
    with node.cfs_lock(storage.CONFIG):
        found = sections.parse(node.read(storage.CONFIG) or storage.INITIAL)
        if name not in found:
            raise PveError(f"storage '{name}' does not exist")
        section = found[name]
        _known(section.kind, values)
        section.settings |= {key: str(value) for key, value in values.items()}
        for key in (key for key in re.split(r"[,; ]+", delete) if key):
            if key in _FIXED:
                raise PveError(f"can't delete required option '{key}'")
            if key not in _COMMON | _SETTINGS[section.kind]:
                raise PveError(f"no such option '{key}'")
            section.settings.pop(key, None)
        node.write(storage.CONFIG, sections.render(found))
    return {"storage": name, "type": section.kind}


def remove(node: Node, name: str) -> None:
    """Take a storage out of the configuration; what it holds stays. Raises PveError."""
    node.need_quorum()
    with node.cfs_lock(storage.CONFIG):
        found = sections.parse(node.read(storage.CONFIG) or storage.INITIAL)
        if name not in found:
            raise PveError(f"storage '{name}' does not exist")
        one = storage.get(node, name)
        if one.kind == "nfs" and node.backend.mounted(one.base):
            node.backend.unmount(one.base)
        del found[name]
        node.write(storage.CONFIG, sections.render(found))
