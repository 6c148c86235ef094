"""`estate edge plan|create|destroy|image`: the fleet's machines and DNS records."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from estate.cli.edge.common import Inventory, Nodes, chosen
from estate.cli.edge.common import fleet as fleet_at
from estate.cli.edge.provision_view import costs, show
from estate.cli.errors import err, out, readable_faults
from estate.clients.cloudflare import Dns
from estate.clients.errors import ApiError
from estate.clients.http import Policy
from estate.clients.vultr import Vultr
from estate.edge import dns as dns_records
from estate.edge.plans import PLANS
from estate.edge.provision import Fleet, Outline, outline
from estate.exit_codes import ExitCode
from estate.inventory import load
from estate.models.cloud import Machine
from estate.models.faults import EstateFaults, Fault
from estate.render.first_boot import image_steps
from estate.rollout.provider import Clock, addresses_of, bring_up, doomed, look, remove_records, sync_records
from estate.secret_store.backend import backend_of

QUICK = Policy(read=30, patience=10, attempts=3)
"""For a plan: whoever does not answer is named, and the rest is shown."""


def declared(inventory: Path) -> Fleet:
    """What an inventory declares of the fleet. Raises EstateFaults when it has none."""
    estate, mesh = fleet_at(inventory)
    keys = next(host.admin_keys for host in estate.hosts.values() if host.group == "edge")
    return Fleet(mesh, keys, {plan.id: plan.price for plan in PLANS.values()})


def credential(inventory: Path, name: str) -> SecretStr | None:
    """A provider's token: of the environment, else of the sealed copy of the secrets, if it can be opened."""
    value = os.environ.get(name, "").strip()
    if not value:
        try:
            file = backend_of(load(inventory.resolve())).file
            value = file.open().values().get(name, "") if file.exists and file.identity.exists() else ""
        except EstateFaults:
            value = ""
    return SecretStr(value) if value else None


@contextmanager
def providers(inventory: Path, policy: Policy | None = None) -> Iterator[tuple[Vultr, Dns | None]]:
    """Sessions with Vultr and, when there is a token, with Cloudflare; an ApiError within is a fault."""
    token = credential(inventory, "CLOUDFLARE_API_TOKEN")
    try:
        with ExitStack() as stack:
            vultr = stack.enter_context(Vultr(credential(inventory, "VULTR_API_KEY"), policy=policy))
            yield vultr, stack.enter_context(Dns(token, policy=policy)) if token else None
    except ApiError as error:
        raise EstateFaults([error.fault]) from None


def _required(vultr: Vultr, dns: Dns | None, want_dns: bool) -> None:
    remedy = "set it in the environment, or `estate secrets set`"
    faults = [] if vultr.authenticated else [Fault("VULTR_API_KEY", "there is none", remedy)]
    if want_dns and dns is None:
        faults.append(Fault("CLOUDFLARE_API_TOKEN", "there is none", f"{remedy}; --no-dns leaves DNS alone"))
    if faults:
        raise EstateFaults(faults)


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def plan(inventory: Inventory) -> None:
    """Show what is there, what `create` would do, and what it costs. Exit code 0: nothing to do, 2: something is."""
    with readable_faults(ExitCode.REFUSED):
        fleet = declared(inventory)
        with providers(inventory, QUICK) as (vultr, dns):
            found = outline(fleet, look(fleet.mesh, vultr, dns))
        show(found)
        if found.faults:
            raise EstateFaults(found.faults)
    raise typer.Exit(ExitCode.CHANGES if found.pending else ExitCode.DONE)


def create(
    inventory: Inventory,
    nodes: Nodes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would do, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    no_dns: Annotated[bool, typer.Option("--no-dns", help="Leave DNS records alone.")] = False,
) -> None:
    """Order the machines that are missing, wait until they run, and give them their DNS records.

    What is there is found by its label and left alone, so a second run finishes what an interrupted one began.
    """
    with readable_faults(ExitCode.REFUSED):
        fleet = declared(inventory)
        names = frozenset(node.name for node in chosen(fleet.mesh, nodes))
        with providers(inventory) as (vultr, dns):
            _required(vultr, dns, not no_dns)
            found = outline(fleet, look(fleet.mesh, vultr, None if no_dns else dns, strict=True)).of(names)
            show(found)
            if found.faults:
                raise EstateFaults(found.faults)
            if not found.pending or dry_run:
                raise typer.Exit(ExitCode.CHANGES if found.pending else ExitCode.DONE)
            if not yes and not typer.confirm(costs(found)):
                raise typer.Exit(ExitCode.DONE)
            _carry_out(fleet, found, vultr, None if no_dns else dns)


def _carry_out(fleet: Fleet, found: Outline, vultr: Vultr, dns: Dns | None) -> None:
    """From here on a fault is a failure, not a refusal: something may be there that was not."""
    with readable_faults(ExitCode.FAILED):
        try:
            up, late = bring_up(fleet, found.rows, vultr, _say, Clock())
            addresses = addresses_of(found, up)
            if dns is not None:
                sync_records(fleet.mesh, dns, addresses, _say)
        except KeyboardInterrupt:
            err.print("stopped: what was ordered stays, and costs; a second run goes on with it")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except ApiError as error:
            raise EstateFaults([error.fault], "; what was done stays, a second run goes on with it") from None
        if late:
            raise EstateFaults(late, "; what was ordered stays, a second run goes on with it")


def destroy(inventory: Inventory, node: Annotated[str, typer.Argument(help="The node's name.")]) -> None:
    """Delete a node's machine with all that is on it, and its DNS records, once its name has been typed."""
    with readable_faults(ExitCode.REFUSED):
        fleet = declared(inventory)
        mesh = fleet.mesh
        with providers(inventory) as (vultr, dns):
            _required(vultr, dns, want_dns=False)
            if dns is None:
                remedy = "set it: a name that leads to an address that is somebody else's by then is a way in"
                raise EstateFaults([Fault("CLOUDFLARE_API_TOKEN", "there is none", remedy)])
            seen = look(mesh, vultr, dns, strict=True)
            found = outline(fleet, seen)
            _may_go(node, found)
            machine = doomed(mesh, node, seen.machines or ())
            records = dns_records.removal(mesh, node, seen.records or ())
            if machine is None and not records.changes:
                _say(f"{node}: no machine with its label and tag, no DNS record of ours: nothing to do")
                return
            _warn(node, machine, records)
            if typer.prompt(f"Type {node} to go on", default="", show_default=False) != node:
                raise EstateFaults([Fault(node, "not confirmed", "nothing was deleted")])
            with readable_faults(ExitCode.FAILED):
                _delete(fleet, node, machine, records, vultr, dns)


def _may_go(node: str, found: Outline) -> None:
    hub = next(row.node.name for row in found.rows if row.node.role == "hub")
    spokes = [row.node.name for row in found.rows if row.node.role == "spoke"] + [m.label for m in found.undeclared]
    if node == hub and spokes:
        fault = f"is the hub, and {len(spokes)} spokes are managed through it: {', '.join(spokes)}"
        raise EstateFaults([Fault(node, fault, "make another node the hub first, or destroy the spokes")])
    known = {row.node.name for row in found.rows} | {machine.label for machine in found.undeclared}
    known |= {change.node for change in found.dns.changes}
    if node not in known:
        raise EstateFaults([Fault(node, "neither declared nor there", f"it is one of {', '.join(sorted(known))}")])


def _warn(node: str, machine: Machine | None, records: dns_records.Diff) -> None:
    if machine is None:
        _say(f"{node}: no machine of ours at Vultr (one that was adopted is cancelled at its provider, by you)")
    else:
        what = f"{machine.plan} in {machine.region}, {machine.address or 'no address'}, {machine.id}"
        _say(f"{node}: {what}: goes for good,")
        _say("  with the vault database that lies on it alone, its certificates and its WireGuard key.")
        _say("  How old its last backup is: `estate edge status`; restore it elsewhere before you go on.")
    for change in records.changes:
        _say(f"  {change}")


def _delete(
    fleet: Fleet, node: str, machine: Machine | None, records: dns_records.Diff, vultr: Vultr, dns: Dns
) -> None:
    try:
        if machine is not None:
            vultr.delete(machine.id)
            _say(f"{node}: {machine.id} is deleted")
        remove_records(fleet.mesh, dns, records, _say)
    except ApiError as error:
        raise EstateFaults([error.fault], "; run it again: it goes on with what is left") from None
    if node in {declared_node.name for declared_node in fleet.mesh.nodes}:
        _say(f"{node} is declared still: take it out of group_data/edge.py and deploy the hub")


def image(inventory: Inventory) -> None:
    """Print how an image for machines that are too small to convert themselves is made."""
    with readable_faults():
        out.print(image_steps(declared(inventory).mesh), markup=False, soft_wrap=True, end="")


def register(app: typer.Typer) -> None:
    """Add the commands to `estate edge`."""
    for command in (plan, create, destroy, image):
        app.command(command.__name__)(command)
