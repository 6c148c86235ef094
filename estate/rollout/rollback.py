"""`estate edge rollback`: generation and release of before, on all named nodes at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from estate.inventory import Estate
from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults, Fault
from estate.remote import run_as_root
from estate.render.edge import rollback_script

TIMEOUT = 300


def rollback(estate: Estate, mesh: Mesh, nodes: list[Node], say: Callable[[str, str], None]) -> None:
    """Have the nodes go back. Raises EstateFaults with those that did not."""

    def one(node: Node) -> list[Fault]:
        try:
            outcome = run_as_root(
                node.name, estate.ssh[node.name], rollback_script(mesh.public_name(node)), timeout=TIMEOUT
            )
        except EstateFaults as error:
            return list(error.faults)
        if outcome.code == 0:
            say(node.name, "runs what it ran before")
            return []
        said = outcome.stderr.strip()[-500:] or f"exit code {outcome.code}"
        return [Fault(f"{node.name}/rollback", said, "see its console")]

    with ThreadPoolExecutor(max_workers=16) as pool:
        faults = [fault for found in pool.map(one, nodes) for fault in found]
    if faults:
        raise EstateFaults(faults)
