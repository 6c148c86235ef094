"""`estate`: what pyinfra's own command does not offer."""

from pathlib import Path
from typing import Annotated

import typer

from estate.cli import backup, docs, edge, history, homelab, hosts, lab, secrets, vps
from estate.cli.errors import FAILED, err, out, readable_faults
from estate.exit_codes import ExitCode

app = typer.Typer(
    name="estate", help="Deploys and verifies a whole self-hosted estate.", no_args_is_help=True, add_completion=False
)
app.add_typer(lab.app, name="lab")
app.add_typer(secrets.app, name="secrets")
app.add_typer(hosts.app, name="hosts")
app.add_typer(edge.app, name="edge")
app.add_typer(backup.app, name="backup")
app.add_typer(homelab.app, name="homelab")
app.add_typer(vps.app, name="vps")
app.command("docs")(docs.docs)
app.command("history")(history.history)

Inventory = Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")]
Limit = Annotated[list[str] | None, typer.Option("--limit", help="Only this host or group; may be repeated.")]

SecretsFrom = Annotated[
    str, typer.Option("--secrets", help="infisical; or sealed: from the break-glass copy, when Infisical is down.")
]


@app.command()
def render(
    inventory: Inventory,
    to: Annotated[Path, typer.Option("--out", help="Directory to write to; what it held of an earlier render goes.")],
    limit: Limit = None,
) -> None:
    """Write every file of every host, with placeholder secrets and no host in reach."""
    from estate.inventory import load
    from estate.output import write

    with readable_faults():
        estate = load(inventory.resolve())
        count = write(estate, estate.select(tuple(limit or ())), to)
    out.print(f"{count} files of {len(estate.select(tuple(limit or ())))} hosts in {to}")


@app.command()
def check(inventory: Inventory) -> None:
    """Check the whole estate offline: declarations, and rendered files with the tools' own parsers."""
    from estate.checks.parsers import parse_all
    from estate.inventory import load

    with readable_faults():
        estate = load(inventory.resolve())
        report = parse_all(estate)
    out.print(report.table())
    if report.faults:
        err.print(report.text(), markup=False)
        raise typer.Exit(FAILED)
    for line in homelab.allocations(estate):
        out.print(line, markup=False)
    out.print(f"{estate.name}: {len(estate.hosts)} hosts, no faults")


@app.command()
def plan(
    inventory: Inventory,
    limit: Limit = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    secrets_from: SecretsFrom = "",
    to: Annotated[
        Path | None, typer.Option("--out", help="Save the plan in this file; `estate apply` does exactly that.")
    ] = None,
) -> None:
    """Show what a deploy would change. Exit code 0: nothing, 2: changes are pending; others: docs/operations.md."""
    from estate.cli.plan import show

    with readable_faults(ExitCode.REFUSED):
        code = show(inventory, tuple(limit or ()), as_json, secrets_from, to)
    raise typer.Exit(code)


@app.command()
def deploy(
    inventory: Inventory,
    limit: Limit = None,
    secrets_from: SecretsFrom = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing anything.")] = False,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Leave out a host that is declared optional.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last run, if it did not end well.")] = False,
) -> None:
    """Make everything as declared. What its exit codes mean: docs/operations.md."""
    from estate.cli.deploy import resumed, run

    with readable_faults(ExitCode.REFUSED):
        names = resumed(inventory) if resume else tuple(limit or ())
        code = run(inventory, names, tuple(exclude or ()), secrets_from, yes)
    raise typer.Exit(code)


@app.command()
def apply(plan_file: Annotated[Path, typer.Argument(help="What `estate plan --out` wrote.")]) -> None:
    """Do exactly what a saved plan says; refused when anything has moved on since."""
    from estate.cli.deploy import apply_plan

    with readable_faults(ExitCode.REFUSED):
        code = apply_plan(plan_file)
    raise typer.Exit(code)


@app.command()
def unlock(
    inventory: Inventory,
    name: Annotated[str, typer.Argument(help="The host's name.")],
) -> None:
    """Break the lock of a run that is dead; a run that lives stops at its next command."""
    from estate.cli.deploy import break_lock

    with readable_faults():
        out.print(break_lock(inventory, name), markup=False)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh(
    inventory: Inventory,
    name: Annotated[str, typer.Argument(help="The host's name.")],
    command: Annotated[list[str] | None, typer.Argument(help="A command to run there.")] = None,
) -> None:
    """Log in to a host as the deploy does, or run a command there."""
    from estate.cli.deploy import log_in

    with readable_faults():
        log_in(inventory, name, command or [])


def main() -> None:
    """The command's entry point."""
    # Click's own exit code for a wrong command line, 2, would read as "changes pending"
    usage_error = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "UsageError")
    usage_error.exit_code = ExitCode.USAGE  # type: ignore[attr-defined]
    app()
