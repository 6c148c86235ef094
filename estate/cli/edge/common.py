"""What the commands of `estate edge` share."""

from pathlib import Path
from typing import Annotated

import typer

from estate.inventory import Estate, load
from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults, Fault, did_you_mean

Inventory = Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")]
Nodes = Annotated[list[str] | None, typer.Argument(help="Names of nodes; none: all of them.")]


def fleet(inventory: Path) -> tuple[Estate, Mesh]:
    """The estate and its mesh. Raises EstateFaults when it has none."""
    estate = load(inventory.resolve())
    if estate.mesh is None:
        raise EstateFaults([Fault(str(inventory), "has no edge fleet", "declare one in group_data/edge.py")])
    return estate, estate.mesh


def chosen(mesh: Mesh, names: list[str] | None) -> list[Node]:
    """The nodes of these names, in the order of the list. Raises EstateFaults for unknown ones."""
    known = {node.name for node in mesh.nodes}
    faults = [Fault(name, "no such node", did_you_mean(name, known)) for name in names or () if name not in known]
    if faults:
        raise EstateFaults(faults)
    return [node for node in mesh.nodes if not names or node.name in names]
