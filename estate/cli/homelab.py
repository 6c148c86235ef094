"""`estate homelab`: containers of the Proxmox nodes, from nothing to deployed; what they use; adoption; destruction."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from estate.checks.proxmox import figures
from estate.cli.errors import FAILED, OK, err, out, readable_faults
from estate.cli.homelab_view import declarations, status_table
from estate.exit_codes import ExitCode
from estate.homelab import chosen, learn, located, nodes_of, read_nodes
from estate.homelab import destroy as destroy_container
from estate.inventory import Estate, load
from estate.models.faults import EstateFaults, Fault
from estate.models.host import HomelabHost, ProxmoxHost
from estate.plan.proxmox_state import PveState
from estate.render.proxmox import containers_of

app = typer.Typer(help="Containers of the Proxmox nodes.", no_args_is_help=True)

Inventory = Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")]
Names = Annotated[list[str] | None, typer.Argument(help="Containers; none: all.")]


def allocations(estate: Estate) -> list[str]:
    """A line a node: what of it is given to containers."""
    containers = containers_of(estate.hosts)
    nodes = [host for host in estate.hosts.values() if isinstance(host, ProxmoxHost)]
    return [f"{node.name}: {figures(node, containers)}" for node in nodes]


def _trust(estate: Estate, hosts: Iterable[HomelabHost], states: dict[str, PveState]) -> None:
    # Here, as the fingerprint asks ssh-keygen
    from estate.cli.hosts import fingerprint

    for learned in learn(estate, hosts, states):
        if learned.is_new:
            before = "replaces another one" if learned.before else "first one"
            line = f"{learned.name}: {fingerprint(learned.key)} learned from its node ({before})"
            out.print(line, markup=False, soft_wrap=True)


@app.command()
def up(
    inventory: Inventory,
    nodes_only: Annotated[
        bool, typer.Option("--nodes-only", help="Make the containers, deploy nothing in them.")
    ] = False,
    secrets_from: Annotated[str, typer.Option("--secrets", help="infisical; or sealed.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing anything.")] = False,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Leave out an optional host.")] = None,
) -> None:
    """Bring up the homelab: the nodes and their containers, the containers' host keys, then what runs in them."""
    # Here, as it imports pyinfra's command
    from estate.cli.deploy import run

    with readable_faults(ExitCode.REFUSED):
        estate = load(inventory.resolve())
        nodes = nodes_of(estate)
        stopped = [host.name for host in containers_of(estate.hosts) if not host.running]
        left_out = tuple(dict.fromkeys([*(exclude or ()), *stopped]))
        code = run(inventory, ("proxmox",), tuple(n for n in left_out if n in nodes), secrets_from, yes)
        if code != OK:
            raise typer.Exit(code)
        containers = [host for host in containers_of(estate.hosts) if host.name not in left_out]
        if containers:
            _trust(estate, containers, read_nodes(estate))
        if containers and not nodes_only:
            code = run(inventory, ("homelab",), tuple(n for n in left_out if n not in nodes), secrets_from, yes)
    raise typer.Exit(code)


@app.command()
def status(inventory: Inventory) -> None:
    """Every container: node, state, and what it was given against what it uses. Exit code 1: something is not right."""
    with readable_faults():
        estate = load(inventory.resolve())
        states = read_nodes(estate)
    table, faults = status_table(estate, states)
    out.print(table)
    for line in allocations(estate):
        out.print(line, markup=False)
    for fault in faults:
        err.print(str(fault), markup=False)
    raise typer.Exit(FAILED if faults else OK)


@app.command()
def trust(inventory: Inventory, names: Names = None) -> None:
    """Pin containers' host keys, read from inside of them through their nodes, never from the network."""
    with readable_faults():
        estate = load(inventory.resolve())
        hosts = chosen(estate, names or ())
        _trust(estate, hosts, read_nodes(estate))
    out.print(f"{len(hosts)} containers have a pinned key")


@app.command()
def adopt(inventory: Inventory) -> None:
    """Print declarations for containers that are on the nodes and not in the inventory; nothing is changed."""
    with readable_faults():
        estate = load(inventory.resolve())
        states = read_nodes(estate)
        faults = [Fault(name, state.error, "see docs/homelab.md") for name, state in states.items() if state.error]
        if faults:
            raise EstateFaults(faults)
    out.print(declarations(containers_of(estate.hosts), states), markup=False, soft_wrap=True)


@app.command()
def destroy(
    inventory: Inventory,
    name: Annotated[str, typer.Argument(help="The container's name, declared or not.")],
    typed: Annotated[str, typer.Option("--confirm", help="The name again, instead of being asked.")] = "",
) -> None:
    """Destroy a container with its disks; its backups stay. Asks for the name, typed."""
    with readable_faults():
        estate = load(inventory.resolve())
        node, guest = located(name, read_nodes(estate))
        size = f"{guest.disk_used / 1024**3:.1f} of {guest.disk / 1024**3:.0f} GiB used"
        err.print(
            f"{name} is container {guest.vmid} on {node}, {guest.status}, {size}; its disks go with it.", markup=False
        )
        if name in estate.hosts:
            err.print("It is declared: the next deploy of its node makes it anew, and empty.", markup=False)
        answer = typed or typer.prompt("Type its name to destroy it", default="", show_default=False)
        if answer != name:
            raise EstateFaults([Fault(name, "not confirmed", "type exactly its name")])
        destroy_container(estate, node, guest)
    out.print(f"{name} ({guest.vmid}) is destroyed", markup=False)
