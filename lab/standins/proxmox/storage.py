"""Storages: /etc/pve/storage.cfg, their state, their volumes.

Real: `dir` (files below a path). Stand-ins: `lvmthin` (image files that can be snapshotted, of a pool with a declared
size), `nfs` (a folder that the lab shares with the server, there while the server answers, bound where NFS would be).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.standins.proxmox import sections
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

CONFIG = "storage.cfg"
INITIAL = (
    "dir: local\n\tpath /var/lib/vz\n\tcontent backup,vztmpl,iso\n\n"
    "lvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n"
)
TYPES = ("btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs",
         "zfspool")  # fmt: skip
HERE = ("dir", "lvmthin", "nfs")
SSH_PORT = 22
FOLDERS = {"vztmpl": "template/cache", "backup": "dump", "iso": "template/iso", "snippets": "snippets"}
_VOLID = re.compile(r"([A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]):(.+)")


@dataclass(frozen=True)
class Storage:
    """One storage, on this node."""

    node: Node
    kind: str
    name: str
    settings: dict[str, str]

    @property
    def content(self) -> frozenset[str]:
        """What it may hold."""
        return frozenset(re.split(r"[,; ]+", self.settings.get("content", "")))

    @property
    def enabled(self) -> bool:
        """Whether it is switched on, for this node."""
        nodes = self.settings.get("nodes", "")
        return self.settings.get("disable") != "1" and (not nodes or self.node.name in re.split(r"[,; ]+", nodes))

    @property
    def snapshots(self) -> bool:
        """Whether its images can have snapshots: those of `dir` are raw and cannot (facts §1.2)."""
        return self.kind == "lvmthin"

    @property
    def base(self) -> Path:
        """Its folder on this node."""
        if self.kind == "lvmthin":
            return self.node.data / "lvmthin" / self.settings["vgname"] / self.settings["thinpool"]
        path = self.settings.get("path", f"/mnt/pve/{self.name}")
        return self.node.root / path.lstrip("/")

    @property
    def exported(self) -> Path:
        """Of `nfs`: the folder that stands for the server's export."""
        return self.node.data / "nfs" / self.settings["server"] / self.settings["export"].strip("/")

    def active(self) -> bool:
        """Make it usable, as the real tools do before they use it; whether that succeeded."""
        if not self.enabled:
            return False
        if self.kind == "nfs":
            online = self.node.dial(self.settings["server"], SSH_PORT) and self.exported.is_dir()
            if online and not self.node.backend.mounted(self.base):
                self.node.backend.mount(self.exported, self.base)
            return online
        if self.kind == "dir" and self.settings.get("is_mountpoint", "no") not in {"no", "0"}:
            return self.node.backend.mounted(self.base)
        self.base.mkdir(parents=True, exist_ok=True)
        return True

    def activate(self) -> None:
        """Raise PveError unless it can be used, in the real tool's words."""
        if not self.enabled:
            what = (
                "is disabled" if self.settings.get("disable") == "1" else f"is not available on node '{self.node.name}'"
            )
            raise PveError(f"storage '{self.name}' {what}")
        if not self.active():
            if self.kind == "nfs":
                raise PveError(f"storage '{self.name}' is not online")
            raise PveError(
                f"unable to activate storage '{self.name}' - directory is expected to be a mount point "
                f"but is not mounted: '{self.base}'"
            )

    def space(self) -> tuple[int, int]:
        """Bytes in all, and bytes in use."""
        if self.kind == "lvmthin":
            used = sum(path.stat().st_blocks * 512 for path in self.base.glob("*") if path.is_file())
            return int(self.node.machine()["thinpool"]), used
        total, free = self.node.backend.space(self.base)
        return total, total - free

    def folder(self, content: str) -> Path:
        """Where files of a content lie."""
        return self.base / FOLDERS[content]

    def path(self, volume: str) -> Path:
        """The path of a volume, by its name without the storage's."""
        if self.kind == "lvmthin":
            return self.base / volume
        kind, _, name = volume.partition("/")
        return self.folder(kind) / name if kind in FOLDERS else self.base / "images" / volume

    def new_image(self, vmid: int) -> str:
        """The first free name for a container's image."""
        for number in range(1000):
            name = f"vm-{vmid}-disk-{number}"
            volume = name if self.kind == "lvmthin" else f"{vmid}/{name}.raw"
            if not self.path(volume).exists():
                return volume
        raise PveError(f"unable to allocate an image name for VM {vmid} in storage '{self.name}'")

    def need_space(self, wanted: int) -> None:
        """Raise PveError when the pool is full. A thin pool allocates more than it has, so only what is used counts."""
        total, used = self.space()
        if used >= total or (self.kind == "lvmthin" and wanted > total):
            raise PveError(f"lvcreate '{self.settings.get('vgname', self.name)}/{self.name}' error: "
                           f"insufficient free space ({(total - used) // 1024**2} MiB left)")  # fmt: skip


def load(node: Node) -> dict[str, Storage]:
    """Every storage of the cluster."""
    found = sections.parse(node.read(CONFIG) or INITIAL)
    return {name: Storage(node, section.kind, name, section.settings) for name, section in found.items()}


def get(node: Node, name: str) -> Storage:
    """A storage by its name. Raises PveError."""
    found = load(node).get(name)
    if found is None:
        raise PveError(f"storage '{name}' does not exist")
    return found


def resolve(node: Node, volid: str) -> tuple[Storage, str]:
    """The storage and the name of a volume `STORAGE:NAME`. Raises PveError."""
    match = _VOLID.fullmatch(volid)
    if not match:
        raise PveError(f"unable to parse volume ID '{volid}'")
    return get(node, match[1]), match[2]


def path_of(node: Node, volid: str) -> Path:
    """The file of a volume."""
    storage, volume = resolve(node, volid)
    return storage.path(volume)


def state(storage: Storage) -> dict[str, Any]:
    """A storage as `pvesh get /nodes/NODE/storage` gives it."""
    active = storage.active()
    total, used = storage.space() if active else (0, 0)
    found: dict[str, Any] = {
        "storage": storage.name,
        "type": storage.kind,
        "content": ",".join(sorted(storage.content)),
        "active": int(active),
        "enabled": int(storage.enabled),
        "shared": int(storage.kind == "nfs" or storage.settings.get("shared") == "1"),
        "total": total,
        "used": used,
        "avail": max(total - used, 0),
    }
    if total:
        found["used_fraction"] = used / total
    return found


def listing(storage: Storage, content: str = "", vmid: int | None = None) -> list[dict[str, Any]]:
    """The volumes of a storage. Raises PveError when it cannot be used."""
    storage.activate()
    found = [*_images(storage), *_files(storage)]
    return [
        one for one in found if (not content or one["content"] == content) and (vmid is None or one.get("vmid") == vmid)
    ]


def _images(storage: Storage) -> list[dict[str, Any]]:
    pattern = "vm-*-disk-*" if storage.kind == "lvmthin" else "images/*/vm-*-disk-*"
    found = []
    for path in sorted(storage.base.glob(pattern)):
        vmid = int(path.name.split("-")[1])
        volume = path.name if storage.kind == "lvmthin" else f"{vmid}/{path.name}"
        row = {"volid": f"{storage.name}:{volume}", "format": "raw", "size": path.stat().st_size, "vmid": vmid}
        found.append({**row, "content": "rootdir", "used": path.stat().st_blocks * 512})
    return found


def _files(storage: Storage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if storage.kind == "lvmthin":
        return found
    for content in sorted(storage.content & set(FOLDERS)):
        for path in sorted(storage.folder(content).glob("*")):
            if path.suffix in {".notes", ".protected", ".log", ".dat"} or not path.is_file():
                continue
            row: dict[str, Any] = {
                "volid": f"{storage.name}:{content}/{path.name}",
                "format": "tzst" if path.name.endswith(".zst") else "tgz" if path.name.endswith(".gz") else "tar",
                "content": content,
                "size": path.stat().st_size,
                "ctime": int(path.stat().st_mtime),
            }
            found.append(row | (_backup(path) if content == "backup" else {}))
    return found


def _backup(path: Path) -> dict[str, Any]:
    named = re.match(r"vzdump-lxc-(\d+)-", path.name)
    found: dict[str, Any] = {"vmid": int(named[1]), "subtype": "lxc"} if named else {}
    notes = path.with_name(path.name + ".notes")
    if notes.exists():
        found["notes"] = notes.read_text()
    if path.with_name(path.name + ".protected").exists():
        found["protected"] = 1
    return found
