"""The methods below /storage and /nodes/NODE/storage, and templates."""

import re
from typing import Any

from lab.standins.proxmox import backup, jobs, propstr, storage, storage_config, templates
from lab.standins.proxmox.api import Method
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.options import NODE, STORAGE
from lab.standins.proxmox.schema import BOOL, TEXT, Param, Values, need

_NAME = need(STORAGE)
_HERE = "/nodes/{node}/storage"


def _config_row(one: storage.Storage) -> dict[str, Any]:
    return {"storage": one.name, "type": one.kind, **one.settings}


def _config_rows(node: Node, values: Values) -> list[dict[str, Any]]:
    kind = values.get("type")
    return [_config_row(one) for one in storage.load(node).values() if kind in {None, one.kind}]


def _rows(node: Node, values: Values) -> list[dict[str, Any]]:
    wanted = set(re.split(r"[,; ]+", values["content"])) if "content" in values else set()
    found = [one for one in storage.load(node).values() if values.get("storage") in {None, one.name}]
    if values.get("enabled"):
        found = [one for one in found if one.enabled]
    if values.get("storage") and not found:
        storage.get(node, values["storage"])
    mine = [one for one in found if node.name in re.split(r"[,; ]+", one.settings.get("nodes", node.name))]
    return [storage.state(one) for one in mine if not wanted or one.content & wanted]


def _content(node: Node, values: Values) -> list[dict[str, Any]]:
    return storage.listing(storage.get(node, values["storage"]), values.get("content", ""), values.get("vmid"))


def _prune(node: Node, values: Values) -> list[dict[str, Any]]:
    one = storage.get(node, values["storage"])
    one.activate()
    keep = propstr.PRUNE.parse(values.get("prune-backups", "") or one.settings.get("prune-backups", ""))
    folder, rows = one.folder("backup"), list[dict[str, Any]]()
    guests_there = {vmid for _, vmid, _ in backup.archives(folder, values.get("vmid"))}
    for vmid in sorted(guests_there):
        marked = backup.prune(node, folder, vmid, keep, backup.Log(node, quiet=True), dry=bool(values.get("dry-run")))
        rows += [row | {"volid": f"{one.name}:backup/{row.pop('file').name}"} for row in marked]
    return rows


def _available(node: Node, values: Values) -> list[dict[str, Any]]:
    return [{"section": section, "template": name} for section, name in templates.available(node)]


def _download(node: Node, values: Values) -> None:
    templates.download(node, values["storage"], values["template"])


_PRUNE = {
    "node": NODE,
    "storage": _NAME,
    "prune-backups": Param(check=propstr.PRUNE.parse),
    "vmid": Param("integer"),
    "type": Param(enum=("lxc", "qemu")),
    "dry-run": BOOL,
}
METHODS: tuple[Method, ...] = (
    Method("get", "/storage", _config_rows, {"type": Param(enum=storage.TYPES)}),
    Method("create", "/storage", lambda node, v: storage_config.add(node, v), storage_config.ADD),
    Method("get", "/storage/{storage}", lambda n, v: _config_row(storage.get(n, v["storage"])), {"storage": _NAME}),
    Method("set", "/storage/{storage}", lambda node, v: storage_config.change(node, v), storage_config.SET),
    Method("delete", "/storage/{storage}", lambda n, v: storage_config.remove(n, v["storage"]), {"storage": _NAME}),
    Method("get", _HERE, _rows, {"node": NODE, "content": TEXT, "storage": STORAGE, "enabled": BOOL}),
    Method(
        "get",
        f"{_HERE}/{{storage}}/status",
        lambda n, v: storage.state(storage.get(n, v["storage"])),
        {"node": NODE, "storage": _NAME},
    ),
    Method(
        "get",
        f"{_HERE}/{{storage}}/content",
        _content,
        {"node": NODE, "storage": _NAME, "content": TEXT, "vmid": Param("integer")},
    ),
    Method("delete", f"{_HERE}/{{storage}}/prunebackups", _prune, _PRUNE),
    Method("get", "/nodes/{node}/aplinfo", _available, {"node": NODE}),
    Method(
        "create",
        "/nodes/{node}/aplinfo",
        _download,
        {"node": NODE, "storage": _NAME, "template": need(TEXT)},
        "download",
    ),
    Method(
        "create",
        "/nodes/{node}/vzdump",
        lambda n, v: _dump(n, v),
        {"node": NODE, **jobs.BACKUP, "dumpdir": TEXT},
        "vzdump",
    ),
)


def _dump(node: Node, values: Values) -> None:
    values.pop("node")
    backup.run(node, values)
