"""`estate edge status`: one sweep of the fleet, every node at once, and what it comes to."""

import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from estate.clients.edge_health import public_health
from estate.clients.push_bridge import status as bridge_status
from estate.edge.status import judge
from estate.edge.status_facts import parse
from estate.edge.status_row import Declared, Look, Row, Sweep, routine_of
from estate.exit_codes import ExitCode
from estate.inventory import Estate
from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults
from estate.models.host import EdgeHost
from estate.remote import run_as_root
from estate.render.edge import wanted_of
from estate.render.shell import shell, variables

AT_ONCE = 16
TIMEOUT = 25
"""Seconds that a node may take for its answer."""
CONNECT = 8


@dataclass(frozen=True)
class View:
    """A sweep, judged.

    + hub_away: why the hub, which is installed, could not be asked; empty when it could
    + silence: why its push bridge did not answer; empty when it did
    """

    at: float
    rows: tuple[Row, ...]
    hub_away: str = ""
    silence: str = ""

    @property
    def code(self) -> ExitCode:
        """How the command ends: of several reasons the gravest."""
        return exit_code(self.rows, self.silence)


def exit_code(rows: Sequence[Row], silence: str) -> ExitCode:
    """Away before ill, ill before behind; an optional node may be away."""
    if any(row.state == "away" and not row.optional for row in rows):
        return ExitCode.UNREACHABLE
    if silence or any(row.ill for row in rows if row.state != "away"):
        return ExitCode.FAILED
    if any(row.state not in ("current", "away") for row in rows):
        return ExitCode.CHANGES
    return ExitCode.DONE


def declared(estate: Estate, mesh: Mesh) -> dict[str, Declared]:
    """What every node is to run."""
    found = {}
    for node in mesh.nodes:
        host = estate.hosts[node.name]
        assert isinstance(host, EdgeHost)  # noqa: S101 - the nodes are the hosts of the group
        wanted = wanted_of(host, estate.keys)
        found[node.name] = Declared(wanted.configuration, wanted.release_id)
    return found


def script(mesh: Mesh, node: Node) -> str:
    """What a node is asked."""
    words = {
        "INTERFACE": mesh.interface,
        "NAME": mesh.public_name(node),
        "TIMERS": " ".join(routine.unit for routine in routine_of(mesh, node)),
    }
    return f"{variables(words)}{shell('operations/edge_status.sh')}"


def look(estate: Estate, mesh: Mesh, node: Node, trust: ssl.SSLContext) -> Look:
    """Ask a node; when it cannot be, what its customers get."""
    asked = time.time()
    why = ""
    try:
        outcome = run_as_root(node.name, estate.ssh[node.name], script(mesh, node), timeout=TIMEOUT, wait=CONNECT)
        facts = parse(outcome.stdout)
        return Look(asked, time.time(), facts)
    except EstateFaults as error:
        why = error.faults[0].fault.removeprefix("unreachable: ")
    except ValueError as error:
        said = outcome.stderr.strip().splitlines()[-1:]
        why = f"{error}{f' ({said[0]})' if said else ''}"
    public = public_health(mesh.public_name(node), node.address, trust) if node.name in estate.keys.nodes else ""
    return Look(asked, time.time(), why=why, public=public)


def sweep(estate: Estate, mesh: Mesh) -> Sweep:
    """Ask all nodes and the push bridge at the same time."""
    # Reading the system's certificates takes longer than asking a node
    trust = ssl.create_default_context()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        looks = {node.name: pool.submit(look, estate, mesh, node, trust) for node in mesh.nodes}
        bridge, silence = None, ""
        try:
            bridge = bridge_status(mesh)
        except EstateFaults as error:
            silence = error.faults[0].fault
        found = {name: future.result() for name, future in looks.items()}
    return Sweep(time.time(), found, bridge, silence)


def view(estate: Estate, mesh: Mesh, wanted: dict[str, Declared]) -> View:
    """One sweep, judged."""
    seen = sweep(estate, mesh)
    rows = judge(mesh, estate.keys, wanted, seen)
    if any(row.role == "hub" and row.state == "installing" for row in rows):
        # There is nothing yet that could answer
        return View(seen.at, rows)
    return View(seen.at, rows, seen.looks[mesh.hub.name].why, seen.silence)
