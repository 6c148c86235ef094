"""The fleet's nodes as the hosts of an inventory group: names and addresses come from the one list."""

import runpy
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from typing import Any

from estate.models.edge import Mesh
from estate.render.templates import ROOT

GROUP_DATA = ROOT / "group_data" / "edge.py"


def declared_mesh() -> dict[str, Any]:
    """The mesh as group_data/edge.py writes it: plain values, not validated yet."""
    mesh: dict[str, Any] = runpy.run_path(str(GROUP_DATA))["mesh"]
    return mesh


def edge_hosts(mesh: Mapping[str, Any] | None = None) -> list[tuple[str, dict[str, Any]]]:
    """The inventory group: every node at its address in the mesh.

    Lenient: what is wrong with the mesh is said by its model, all faults at once.
    """
    mesh = declared_mesh() if mesh is None else mesh
    nodes: Iterable[Mapping[str, Any]] = mesh.get("nodes", ())
    subnet = IPv4Network(mesh.get("subnet", Mesh.model_fields["subnet"].default))
    return [
        (str(node.get("name", "")), {"ssh_hostname": str(subnet[int(node.get("index", 0))])} | _optional(node))
        for node in nodes
    ]


def _optional(node: Mapping[str, Any]) -> dict[str, Any]:
    return {"optional": True} if node.get("optional") else {}
