"""Templates: `pveam`. What can be downloaded are the archives that the lab put on the node, under Proxmox's names."""

import shutil

from lab.standins.proxmox import storage
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node

ARCHIVES = "usr/share/estate-lab/templates"
INDEX = "var/lib/pve-manager/apl-info"
OTHERS = (
    ("mail", "proxmox-mail-gateway-8.2-standard_8.2-1_amd64.tar.zst"),
    ("system", "alpine-3.22-default_20250617_amd64.tar.xz"),
    ("system", "debian-12-turnkey-core_18.1-1_amd64.tar.gz"),
    ("system", "ubuntu-24.04-standard_24.04-2_amd64.tar.zst"),
)
"""Rows of the real list that nobody can download here."""


def update(node: Node) -> None:
    """`pveam update`: write the list that `available` reads."""
    path = node.root / INDEX / "index"
    path.parent.mkdir(parents=True, exist_ok=True)
    archives = [("system", archive.name) for archive in sorted((node.root / ARCHIVES).glob("*.tar.zst"))]
    rows = [f"{section} {name}\n" for section, name in sorted([*OTHERS, *archives])]
    path.write_text("".join(rows))


def available(node: Node, section: str = "") -> list[tuple[str, str]]:
    """Section and name of every template; none before the first update."""
    path = node.root / INDEX / "index"
    rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [(kind, name) for kind, name in rows if section in {"", kind}]


def download(node: Node, storage_name: str, name: str) -> None:
    """Put a template into a storage. Raises PveError for one that is not in the list, or not here."""
    if name not in {row[1] for row in available(node)}:
        raise ParamError({"template": "no such template"})
    target = storage.get(node, storage_name)
    if "vztmpl" not in target.content:
        raise ParamError({"storage": "storage does not support templates"})
    target.activate()
    path = target.folder("vztmpl") / name
    if path.exists():
        node.say(f"{path} already exists, skipping download")
        return
    source = node.root / ARCHIVES / name
    node.say(f"downloading {source} to {path}")
    if not source.exists():
        raise PveError(f"download failed: 404 Not Found (the lab has no {name})")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.tmp_dwnl")
    try:
        shutil.copyfile(source, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    node.say("download finished; ESTATE LAB STAND-IN: the archive holds the lab's own Debian 13")


def listing(node: Node, storage_name: str) -> str:
    """What `pveam list` prints."""
    found = storage.get(node, storage_name)
    if "vztmpl" not in found.content:
        raise PveError("Storage does not support templates!")
    rows = [f"{'NAME':<60} {'SIZE':<6}"]
    rows += [f"{row['volid']:<60} {row['size'] / 1024**2:<4.2f}MB" for row in storage.listing(found, "vztmpl")]
    return "\n".join(rows)


def remove(node: Node, volid: str) -> None:
    """Delete a template; nothing happens when it is not there, as in the real tool."""
    one, volume = storage.resolve(node, volid)
    if not volume.startswith("vztmpl/"):
        raise PveError(f"unable to parse volume ID '{volid}'")
    one.path(volume).unlink(missing_ok=True)
