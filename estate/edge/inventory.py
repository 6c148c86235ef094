"""The fleet's nodes as the hosts of an inventory group: names and addresses come from the one list."""

import runpy
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from estate.models.edge import Mesh


def declared_mesh(root: Path) -> dict[str, Any]:
    """The mesh as group_data/edge.py below `root` writes it: plain values, not validated yet."""
    mesh: dict[str, Any] = runpy.run_path(str(root / "group_data" / "edge.py"))["mesh"]
    return mesh


def edge_hosts(inventory_file: str) -> list[tuple[str, dict[str, Any]]]:
    """The inventory group: every node of group_data beside this inventory, at its address in the mesh.

    Lenient: what is wrong with the mesh is said by its model, all faults at once.
    """
    mesh = declared_mesh(Path(inventory_file).resolve().parents[1])
    nodes: Iterable[Mapping[str, Any]] = mesh.get("nodes", ())
    subnet = IPv4Network(mesh.get("subnet", Mesh.model_fields["subnet"].default))
    return [
        (str(node.get("name", "")), {"ssh_hostname": str(subnet[int(node.get("index", 0))])} | _optional(node))
        for node in nodes
    ]


def _optional(node: Mapping[str, Any]) -> dict[str, Any]:
    return {"optional": True} if node.get("optional") else {}
