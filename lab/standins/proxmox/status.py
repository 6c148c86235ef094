"""What each node tells the others of its containers (pvestatd), in the folder that the nodes share."""

import json
from pathlib import Path
from typing import Any

from lab.standins.proxmox import guests
from lab.standins.proxmox.node import Node

SHARED = "var/lib/pve-cluster/kv"


def _path(node: Node, name: str) -> Path:
    return node.root / SHARED / f"{name}.json"


def publish(node: Node) -> None:
    """Write this node's containers as they are now."""
    path = _path(node, node.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps({row["vmid"]: row for row in guests.here(node)}))
    partial.replace(path)


def of(node: Node, name: str) -> dict[str, Any]:
    """What another node last told, by VMID."""
    path = _path(node, name)
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
