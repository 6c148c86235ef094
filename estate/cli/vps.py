"""`estate vps`: the homelab's public edge."""

from pathlib import Path
from typing import Annotated

import typer

from estate.cli.edge.provision import credential
from estate.cli.errors import err, out, readable_faults
from estate.clients.cloudflare import Dns
from estate.clients.errors import ApiError
from estate.exit_codes import ExitCode
from estate.inventory import load
from estate.models.faults import EstateFaults, Fault
from estate.rollout.provider import write_records
from estate.routes import edge_of
from estate.vps_dns import diff, wishes

TOKEN = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - a name
app = typer.Typer(help="The homelab's public edge.", no_args_is_help=True)


@app.callback()
def _app() -> None:
    """The homelab's public edge."""


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


@app.command()
def dns(
    inventory: Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")],
    dry: Annotated[bool, typer.Option("--dry", help="Show what would be done. Exit code 2: something would.")] = False,
) -> None:
    """Make the DNS records of the VPS and of the homelab's sites as declared; others' records are left alone."""
    with readable_faults():
        code = _sync(inventory, dry=dry)
    raise typer.Exit(code)


def _sync(inventory: Path, *, dry: bool) -> int:
    estate = load(inventory.resolve())
    edge = edge_of(estate.hosts)
    if edge is None or edge.pangolin is None:
        raise EstateFaults([Fault(str(inventory), "has no VPS with Pangolin", "declare one in group_data/vps.py")])
    wanted = wishes(edge, estate.stacks)
    token = credential(inventory, TOKEN)
    if token is None:
        raise EstateFaults([Fault(TOKEN, "there is none", "set it in the environment, or `estate secrets set`")])
    try:
        with Dns(token) as session:
            zone = session.zone(edge.pangolin.domain)
            found = diff(wanted, session.records(zone))
            for conflict in found.conflicts:
                err.print(str(conflict.fault), markup=False, soft_wrap=True)
            if dry:
                for change in found.changes:
                    _say(f"dns: {change}")
            else:
                write_records(session, zone, found.changes, _say)
    except ApiError as error:
        raise EstateFaults([error.fault]) from None
    _say(f"{len(wanted)} names, {len(found.changes)} changes, {len(found.conflicts)} in the way")
    if found.conflicts:
        return ExitCode.FAILED
    return ExitCode.CHANGES if dry and found.changes else ExitCode.DONE
