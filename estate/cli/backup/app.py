"""`estate backup list | show | run | check | drill | restore | abandon | accept | status`: docs/backup.md."""

import json
import sys
from typing import Annotated

import typer

from estate.cli.backup import view
from estate.cli.backup.common import (
    Answer,
    AsJson,
    HostName,
    Inventory,
    Locked,
    Services,
    SetName,
    StoreName,
    StoreNames,
    Target,
    ask,
    check_names,
    target,
    words,
)
from estate.cli.errors import err, out, readable_faults
from estate.exit_codes import ExitCode
from estate.models.backup import MADE_KINDS
from estate.models.faults import EstateFaults, Fault

app = typer.Typer(help="The backup sets of a host: make, list, check, prove and restore them.", no_args_is_help=True)
Kind = Annotated[str, typer.Option("--kind", help=f"What for: {', '.join(MADE_KINDS)}.")]
NEWEST = "newest"


def _end(answer: Answer, as_json: bool, page: view.Page) -> None:
    """Print an answer, and end as the host's program did."""
    if as_json:
        sys.stdout.write(json.dumps(answer.document, indent=2) + "\n")
        sys.stdout.flush()
    else:
        out.print(page(answer.document))
    raise typer.Exit(answer.code)


def _ask(at: Target, *command: str, lock: str = "") -> Answer:
    """Ask; a lock that somebody else has ends the command with its own exit code."""
    try:
        return ask(at, *command, lock=lock)
    except Locked as error:
        err.print(str(error), markup=False)
        raise typer.Exit(ExitCode.LOCKED) from None


def _set_id(at: Target, name: str, store: str) -> str:
    """A set's id. Raises EstateFaults when there is no set at all."""
    if name != NEWEST:
        return name
    answer = _ask(at, "list", *words(store))
    found = view.newest(answer.document)
    if not found:
        raise EstateFaults(
            [Fault(f"{at.name}/{store or 'all stores'}", "there is no complete set", "`estate backup run`")]
        )
    err.print(f"the newest set is {found}", markup=False)
    return found


@app.command(name="list")
def list_(inventory: Inventory, store: StoreName = "", host: HostName = "", json_out: AsJson = False) -> None:
    """List the sets of every store, the newest first."""
    with readable_faults():
        at = target(inventory, host)
        check_names(at, [store], None)
        _end(_ask(at, "list", *words(store)), json_out, view.sets)


@app.command()
def show(
    inventory: Inventory, name: SetName = NEWEST, store: StoreName = "", host: HostName = "", json_out: AsJson = False
) -> None:
    """Show what is in a set: services, images, files and their sizes."""
    with readable_faults():
        at = target(inventory, host)
        check_names(at, [store], None)
        _end(_ask(at, "show", _set_id(at, name, store), *words(store)), json_out, view.one_set)


@app.command()
def run(
    inventory: Inventory,
    kind: Kind = "manual",
    service: Services = None,
    store: StoreNames = None,
    host: HostName = "",
    json_out: AsJson = False,
) -> None:
    """Make a set now, as the timers do."""
    with readable_faults():
        if kind not in MADE_KINDS:
            raise EstateFaults([Fault(f"--kind {kind}", "no such kind", f"choose one of {', '.join(MADE_KINDS)}")])
        at = target(inventory, host)
        check_names(at, store or [], service)
        _end(_ask(at, "run", "--kind", kind, *words(stores=store, services=service)), json_out, view.run)


@app.command()
def check(
    inventory: Inventory,
    name: Annotated[str, typer.Option("--set", help="Only this set, or newest; by default all.")] = "",
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read every byte back: what a size and a stored hash do not prove.")
    ] = False,
    store: StoreName = "",
    host: HostName = "",
    json_out: AsJson = False,
) -> None:
    """Compare what the stores have with the signed manifests. Exit code 1: something is missing, or was altered."""
    with readable_faults():
        at = target(inventory, host)
        check_names(at, [store], None)
        more = [*(["--set", name] if name else []), *(["--read-data"] if read_data else [])]
        _end(_ask(at, "check", *words(store), *more), json_out, view.checked)


@app.command()
def drill(
    inventory: Inventory,
    name: SetName = NEWEST,
    store: StoreName = "",
    service: Services = None,
    host: HostName = "",
    json_out: AsJson = False,
) -> None:
    """Restore a set into scratch containers on a network of their own, and prove it there. Nothing live is touched."""
    with readable_faults():
        at = target(inventory, host)
        check_names(at, [store], service)
        _end(_ask(at, "drill", name, *words(store, services=service)), json_out, view.drilled)


@app.command()
def accept(inventory: Inventory, name: SetName, host: HostName = "", json_out: AsJson = False) -> None:
    """Say that a set which shrank is right: what it holds is what later ones are measured by."""
    with readable_faults():
        if name == NEWEST:
            raise EstateFaults([Fault(name, "which one is a decision", "name the set; `estate backup list` shows it")])
        at = target(inventory, host)
        _end(_ask(at, "accept", name), json_out, view.plain)


@app.command()
def status(inventory: Inventory, host: HostName = "", json_out: AsJson = False) -> None:
    """Show how the last runs, checks and drills ended, and what waits for somebody."""
    with readable_faults():
        _end(_ask(target(inventory, host), "status"), json_out, view.status)


@app.command()
def restore(
    inventory: Inventory,
    name: SetName,
    to: Annotated[str, typer.Option("--to", help="scratch: into containers of their own; live, or a host's name.")],
    service: Services = None,
    store: StoreName = "",
    confirm: Annotated[str, typer.Option("--confirm", help="The host's name, instead of being asked for it.")] = "",
    host: HostName = "",
    json_out: AsJson = False,
) -> None:
    """Put the data of a set back; --to live replaces what the services have now, after a set of that is made.

    Nothing is written before every file of the set has been verified; interrupted, a second run goes on.
    """
    with readable_faults():
        if to not in ("scratch", "live"):
            # A host's name: live, there
            to, host = "live", to
        at = target(inventory, host)
        check_names(at, [store], service)
        name = _set_id(at, name, store)
        command = ["restore", name, *words(store, services=service), "--to", to]
        if to == "scratch":
            _end(_ask(at, *command), json_out, view.restored)
        what = ", ".join(service) if service else "every service of the set"
        _confirmed(
            at,
            confirm,
            f"{what} gets the data of {name}.",
            "What was stored since is replaced; a set of it is made first, in the local store.",
        )
        purpose = f"estate backup restore {name}"
        _end(_ask(at, *command, "--confirm", at.name, lock=purpose), json_out, view.restored)


@app.command()
def abandon(
    inventory: Inventory,
    confirm: Annotated[str, typer.Option("--confirm", help="The host's name, instead of being asked for it.")] = "",
    host: HostName = "",
    json_out: AsJson = False,
) -> None:
    """Give an interrupted restore up: the service at work gets its old data back, those before it stay restored."""
    with readable_faults():
        at = target(inventory, host)
        _confirmed(
            at,
            confirm,
            "the restore that was interrupted there is given up.",
            "The service that it was at gets its old data back; what it restored before stays as it is.",
        )
        _end(_ask(at, "abandon", lock="estate backup abandon"), json_out, view.restored)


def _confirmed(at: Target, confirm: str, what: str, means: str) -> None:
    """Raises EstateFaults unless the operator has written the host's name."""
    err.print(f"{at.name}: {what}", markup=False)
    err.print(means)
    if (confirm or typer.prompt("Type the host's name to go on")) != at.name:
        raise EstateFaults([Fault(at.name, "not confirmed", "nothing was changed")])
