"""`estate edge install | peer | rollout | rollback`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from estate.cli.edge import provision
from estate.cli.edge.common import Inventory, Nodes, chosen, fleet
from estate.cli.edge.status import status
from estate.cli.errors import err, out, readable_faults
from estate.exit_codes import ExitCode
from estate.models.faults import EstateFaults, Fault, did_you_mean

app = typer.Typer(help="The edge fleet: its nodes, their keys, rollouts.", no_args_is_help=True)
provision.register(app)
app.command()(status)


def _say(name: str, text: str) -> None:
    err.print(f"· {name}: {text}", markup=False)


@app.command()
def install(inventory: Inventory, nodes: Nodes = None) -> None:
    """Turn fresh machines into nodes, and pin the WireGuard keys that they made; safe to repeat.

    The hub comes first: a spoke needs its key.
    """
    from estate.edge.keys import keys_path
    from estate.rollout import install as work

    with readable_faults():
        estate, mesh = fleet(inventory)
        wanted = chosen(mesh, nodes)
        if any(node.role == "spoke" for node in wanted) and mesh.hub.name not in estate.keys.nodes:
            if mesh.hub not in wanted:
                raise EstateFaults([Fault(mesh.hub.name, "the hub is not installed yet", "install it first")])
            wanted = [mesh.hub]
            err.print("The hub first; run this again for the others once it is deployed.")
        work.install(estate, wanted, _say)
    out.print(f"{len(wanted)} nodes; their keys are in {keys_path(estate.name)}", markup=False, soft_wrap=True)


@app.command()
def peer(
    inventory: Inventory,
    name: Annotated[str, typer.Argument(help="The operator's name in the mesh.")],
    private_key: Annotated[
        Path, typer.Option("--private-key", help="Where that laptop keeps its key; it is not read.")
    ] = Path("/etc/wireguard/private.key"),
) -> None:
    """Print an operator's configuration for wg-quick: with it a laptop is in the mesh."""
    from estate.render.operator import wg_quick

    with readable_faults():
        estate, mesh = fleet(inventory)
        operators = {operator.name: operator for operator in mesh.operators}
        if name not in operators:
            raise EstateFaults([Fault(name, "no such operator", did_you_mean(name, operators))])
        sys.stdout.write(wg_quick(mesh, operators[name], estate.keys, private_key))


@app.command()
def rollback(inventory: Inventory, nodes: Annotated[list[str], typer.Argument(help="Names of nodes.")]) -> None:
    """Make nodes run the generation and the release that they ran before; the next plan shows what is declared."""
    from estate.rollout.rollback import rollback as work

    with readable_faults():
        estate, mesh = fleet(inventory)
        work(estate, mesh, chosen(mesh, nodes), _say)


@app.command()
def restore(
    inventory: Inventory,
    name: Annotated[str, typer.Argument(help="The node.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the node's name.")] = False,
) -> None:
    """Bring a node's vault and certificates back from its newest backup on the hub; what is there is kept aside."""
    from estate.rollout import restore as work

    with readable_faults():
        estate, mesh = fleet(inventory)
        (node,) = chosen(mesh, [name])
        backup = work.newest(estate, mesh, node)
        err.print(f"{name}: backup of {backup.at:%Y-%m-%d %H:%M} UTC, {len(backup.sealed)} bytes", markup=False)
        err.print("What was stored there since is lost to its users, though kept aside on the node.")
        if not yes and typer.prompt("Type the node's name to restore it") != name:
            raise EstateFaults([Fault(name, "not approved", "nothing was changed")])
        out.print(f"{name} is restored; what it had is in {work.restore(estate, mesh, node, backup)}", markup=False)


@app.command()
def rotate(inventory: Inventory, nodes: Annotated[list[str], typer.Argument(help="Names of spokes.")]) -> None:
    """Give spokes new WireGuard keys, one at a time; interrupted at any point, a second run finishes it."""
    from estate.rollout.rotate import rotate as work

    with readable_faults():
        estate, mesh = fleet(inventory)
        code = work(estate, inventory, chosen(mesh, nodes), _say)
    raise typer.Exit(code)


@app.command()
def rollout(
    inventory: Inventory,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing anything.")] = False,
    secrets_from: Annotated[str, typer.Option("--secrets", help="infisical, or sealed.")] = "",
) -> None:
    """Bring the whole fleet to what is declared, wave by wave; nodes that are away are left out, and named.

    Run it again to resume: nodes that have it already are left alone. Exit codes: docs/operations.md.
    """
    from estate.rollout.rollout import rollout as work

    with readable_faults(ExitCode.REFUSED):
        estate, mesh = fleet(inventory)
        code = work(inventory, estate, mesh, yes, secrets_from)
    raise typer.Exit(code)
