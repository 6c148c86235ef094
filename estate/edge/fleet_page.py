"""The table of the fleet's nodes as Markdown (pure)."""

from estate.edge.plans import plan_of, price_of
from estate.edge.waves import wave_of
from estate.models.edge import Mesh, Node

_NAMES = ("Node", "City", "Provider", "Region", "Plan", "Memory", "USD a month", "In the mesh", "Public name", "Wave")


def _row(mesh: Mesh, node: Node) -> str:
    cells = (
        node.name,
        node.city,
        node.provider,
        f"`{node.region}`",
        f"`{node.plan}`",
        f"{plan_of(node).memory} MB",
        "paid for" if node.price == 0 else f"{price_of(node):.2f}",
        f"`{mesh.address(node)}`",
        mesh.public_name(node),
        wave_of(mesh, node),
    )
    return f"| {' | '.join(cells)} |\n"


def fleet_page(mesh: Mesh) -> str:
    """Every node and what it costs. Raises KeyError for a plan that is not in the catalogue."""
    cost = sum(price_of(node) for node in mesh.nodes)
    head = f"| {' | '.join(_NAMES)} |\n|{'---|' * len(_NAMES)}\n"
    rows = "".join(_row(mesh, node) for node in mesh.nodes)
    about = (
        f"{len(mesh.nodes)} nodes, {cost:.2f} of {mesh.budget:.2f} USD a month. NixOS {mesh.nixos}, "
        f"release {mesh.release.version}. Waves in their order: canary, early, rest, hub.\n\n"
    )
    return f"# The edge fleet of {mesh.domain}\n\n![Map of the fleet](fleet.svg)\n\n{about}{head}{rows}"
