"""An operator's laptop as a peer of the hub: its configuration for wg-quick."""

from pathlib import Path

from estate.edge.keys import Keys
from estate.models.edge import Mesh, Operator
from estate.models.faults import EstateFaults, Fault
from estate.render.templates import render


def wg_quick(mesh: Mesh, operator: Operator, keys: Keys, private_key: Path) -> str:
    """The text of a wg-quick configuration; the private key stays in its file.

    Raises EstateFaults while the hub's key is not known.
    """
    if mesh.hub.name not in keys.nodes:
        raise EstateFaults([Fault(mesh.hub.name, "its key is not known", "`estate edge install` makes it a node")])
    return render(
        "edge/operator.conf.j2",
        mesh=mesh,
        address=mesh.address(operator),
        hub_key=keys.nodes[mesh.hub.name],
        private_key=private_key,
    )
