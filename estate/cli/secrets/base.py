"""Making secrets, looking at them, setting one."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from estate.cli.errors import CHANGES, out, readable_faults
from estate.cli.secrets.common import InventoryArgument, ask, backend_at, check_new, is_live, operator
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.models.secret import SecretSpec
from estate.secrets.compare import compare
from estate.secrets.env_file import read_values
from estate.secrets.generate import generate
from estate.secrets.sealed import Identity, Sealed
from estate.secrets.sealed import keygen as make_identity

FromFile = Annotated[Path | None, typer.Option("--from-file", help="Take values from this .env or .json file.")]


def keygen(inventory: InventoryArgument) -> None:
    """Make the age identity that opens the sealed copy on this machine; print its public key."""
    with readable_faults():
        backend = backend_at(inventory)
        public = make_identity(backend.file.identity)
    known = public in backend.file.recipients
    out.print(f"{backend.file.identity}: {public}", markup=False, soft_wrap=True)
    if not known:
        out.print(
            "Put this public key into age_recipients (group_data/prod.py), and keep a copy of the file elsewhere."
        )


def _gather(specs: dict[str, SecretSpec], given: dict[str, str]) -> dict[str, str]:
    """New values: those given, those that can be generated, those that a person is asked for."""
    values: dict[str, str] = {}
    for name, spec in sorted(specs.items()):
        if given.get(name):
            values[name] = given[name]
        elif name in values:
            continue  # it came with another
        elif spec.generated:
            values |= generate(spec)
        else:
            values[name] = ask(name, spec.purpose)
    return values


def init(inventory: InventoryArgument, from_file: FromFile = None) -> None:
    """Make what is missing in the sealed copy: generate, take from a file, or ask; keep the rest."""
    with readable_faults():
        backend = backend_at(inventory)
        sealed = backend.file.open() if backend.file.exists else Sealed(estate=backend.name)
        there = sealed.values()
        missing = {name: spec for name, spec in backend.specs.items() if not there.get(name, "").strip()}
        given = read_values(from_file) if from_file else {}
        made = _gather(missing, given) if missing else {}
        check_new(backend, there, made)
        sealed.put(made)
        if made or not backend.file.exists:
            if is_live(backend, sealed):
                with operator(backend, sealed) as (infisical, scope):
                    infisical.upsert(scope, made)
            backend.file.save(sealed)
    where = backend.file.path
    out.print(f"{where}: {len(missing)} secrets made, {len(backend.specs)} in all", markup=False, soft_wrap=True)


def show(
    inventory: InventoryArgument,
    name: Annotated[str, typer.Argument(help="The secret's name.")],
    sealed: Annotated[
        bool, typer.Option("--sealed", help="As the sealed copy has it; Infisical is not asked.")
    ] = False,
) -> None:
    """Print one secret's value, for a person to use."""
    with readable_faults():
        backend = backend_at(inventory)
        copy = backend.file.open() if backend.file.exists else None
        if is_live(backend, copy) and not sealed:
            with operator(backend, copy) as (infisical, scope):
                values = infisical.secrets(scope)
        else:
            values = copy.values() if copy else {}
        if name not in values:
            raise EstateFaults([Fault(f"secrets/{name}", "no such secret", did_you_mean(name, values))])
    sys.stdout.write(values[name] + "\n")


def set_(
    inventory: InventoryArgument,
    name: Annotated[str, typer.Argument(help="The secret's name.")],
    from_file: FromFile = None,
    expires: Annotated[str, typer.Option(help="The day from which it is no longer good: 2027-01-31.")] = "",
) -> None:
    """Give a secret a value (from standard input, a file, or asked for): in Infisical, and in the sealed copy."""
    with readable_faults():
        backend = backend_at(inventory)
        try:
            until = date.fromisoformat(expires) if expires else None
        except ValueError:
            raise EstateFaults([Fault(f"--expires {expires}", "not a date", "write 2027-01-31")]) from None
        sealed = backend.file.open()
        given = read_values(from_file) if from_file else {}
        spec = backend.specs.get(name)
        value = given.get(name) or ask(name, spec.purpose if spec else "not declared by any service")
        check_new(backend, sealed.values(), {name: value})
        if is_live(backend, sealed):
            with operator(backend, sealed) as (infisical, scope):
                infisical.upsert(scope, {name: value})
        sealed.put({name: value})
        sealed.secrets[name].expires = until
        backend.file.save(sealed)
    out.print(f"{name} is set; the next deploy brings it to {', '.join(backend.consumers(name)) or 'no service'}")


def remove(inventory: InventoryArgument, name: Annotated[str, typer.Argument(help="The secret's name.")]) -> None:
    """Remove a secret that no service declares, from Infisical and from the sealed copy."""
    with readable_faults():
        backend = backend_at(inventory)
        sealed = backend.file.open()
        if users := backend.consumers(name):
            remedy = "take it out of their declarations first"
            raise EstateFaults([Fault(f"secrets/{name}", f"is used by {', '.join(users)}", remedy)])
        if name not in sealed.secrets:
            raise EstateFaults([Fault(f"secrets/{name}", "no such secret", did_you_mean(name, sealed.secrets))])
        if is_live(backend, sealed):
            with operator(backend, sealed) as (infisical, scope):
                infisical.delete(scope, [name])
        del sealed.secrets[name]
        backend.file.save(sealed)
    out.print(f"{name} is removed")


def _age(moment: datetime) -> str:
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _end(identity: Identity | None) -> str:
    if identity is None:
        return "not made"
    return f"good until {identity.secret.expires:%Y-%m-%d}" if identity.secret.expires else "does not expire"


def status(inventory: InventoryArgument) -> None:
    """Show how old the sealed copy is and what differs from Infisical. Exit code 2: something differs."""
    with readable_faults():
        backend = backend_at(inventory)
        sealed = backend.file.open()
        live = is_live(backend, sealed)
        differences = []
        if live:
            with operator(backend, sealed) as (infisical, scope):
                differences = compare(sealed.values(), infisical.secrets(scope))
    table = Table(show_header=False)
    table.add_row("sealed copy", str(backend.file.path))
    table.add_row("sealed", f"{_age(sealed.sealed_at)} ({sealed.sealed_at:%Y-%m-%d %H:%M} UTC)")
    table.add_row("opens with", f"{len(backend.file.recipients)} keys")
    table.add_row("secrets", f"{len(sealed.secrets)}, {len(backend.specs)} declared")
    table.add_row("Infisical", backend.endpoint.url if live else "not set up: the next deploy does that")
    if access := sealed.access:
        for who in ("operator", "deploy", "host"):
            table.add_row(f"identity {who}", _end(getattr(access, who)))
    if sealed.rotation:
        table.add_row("rotation under way", f"{sealed.rotation.name}: `estate secrets rotate` finishes it")
    if live:
        table.add_row("differs", "\n".join(map(str, differences)) or "nothing")
    out.print(table)
    raise typer.Exit(CHANGES if differences else 0)
