"""Between Infisical, `.env` files and the sealed copy (seed 003's scripts as commands)."""

from pathlib import Path
from typing import Annotated

import typer

from estate.cli.errors import CHANGES, out, readable_faults
from estate.cli.secrets.common import InventoryArgument, backend_at, check_new, is_live, names_of, operator
from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind
from estate.render.dotenv import dotenv
from estate.secret_store.backend import Backend
from estate.secrets.compare import Difference, compare
from estate.secrets.env_file import read_values
from estate.secrets.generate import plain_name
from estate.secrets.sealed import Sealed, write_private

EnvFile = Annotated[Path, typer.Option("--env-file", help="The .env file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
ENV = Path(".env")


def _live(inventory: Path) -> tuple[Backend, Sealed | None]:
    backend = backend_at(inventory)
    sealed = backend.file.open() if backend.file.exists else None
    if not is_live(backend, sealed):
        raise EstateFaults([Fault("infisical", "is not set up", "deploy first: the first deploy sets it up")])
    return backend, sealed


def _print(differences: list[Difference]) -> None:
    for difference in differences:
        out.print(str(difference), markup=False)


def _sound(backend: Backend, sealed: Sealed, there: dict[str, str]) -> None:
    """Refuse to seal less or worse than what is sealed: it is the copy for the day when Infisical is wrong."""
    remedy = "`estate secrets push --sealed` brings it back"
    behind = {plain_name(spec) for spec in backend.specs.values() if spec.kind is SecretKind.ARGON2}
    wanted = backend.specs.keys() | behind
    lost = sorted(name for name in sealed.values() if name in wanted and not there.get(name, "").strip())
    if lost:
        raise EstateFaults([Fault(f"secrets/{name}", "sealed, and not in Infisical any more", remedy) for name in lost])
    check_new(backend, sealed.values(), there)


def seal(inventory: InventoryArgument, dry_run: DryRun = False) -> None:
    """Bring the sealed copy into line with Infisical; Infisical's own keys stay as they are sealed."""
    with readable_faults():
        backend, sealed = _live(inventory)
        sealed = sealed or Sealed(estate=backend.name)
        with operator(backend, sealed) as (infisical, scope):
            there = infisical.secrets(scope)
        if not there:
            raise EstateFaults([Fault(str(scope), "holds no secrets", "`estate secrets push --sealed` fills it again")])
        _sound(backend, sealed, there)
        differences = [d for d in compare(sealed.values(), there) if d.name not in backend.own]
        if not dry_run:
            for name in sealed.values().keys() - there.keys() - backend.own:
                del sealed.secrets[name]
            sealed.put({name: value for name, value in there.items() if name not in backend.own})
            backend.file.save(sealed)
    _print(differences)
    verb = "would change" if dry_run else "changed"
    out.print(f"{backend.file.path}: {len(differences)} {verb}", markup=False, soft_wrap=True)


def push(
    inventory: InventoryArgument,
    env_file: EnvFile = ENV,
    from_sealed: Annotated[bool, typer.Option("--sealed", help="Push the sealed copy instead of a file.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Write a .env file's values (or the sealed copy's) to Infisical, and to the sealed copy; nothing is deleted."""
    with readable_faults():
        backend, sealed = _live(inventory)
        if from_sealed and sealed is None:
            raise EstateFaults([Fault(str(backend.file.path), "no sealed copy", "bring it here")])
        wanted = sealed.values() if from_sealed and sealed else read_values(env_file)
        _refuse(backend, sealed, wanted, "the sealed copy" if from_sealed else str(env_file))
        with operator(backend, sealed) as (infisical, scope):
            there = infisical.secrets(scope)
            names = {d.name for d in compare(wanted, there) if d.name in wanted}
            if not dry_run:
                infisical.upsert(scope, {name: wanted[name] for name in names})
                if sealed is not None and not from_sealed:
                    sealed.put(wanted)
                    backend.file.save(sealed)
    verb = "would be written" if dry_run else "written"
    out.print(f"{len(names)} {verb}: {names_of(dict.fromkeys(names))}", markup=False)


def _refuse(backend: Backend, sealed: Sealed | None, wanted: dict[str, str], where: str) -> None:
    """Values that must not get into the store: empty ones, and other keys of Infisical than the sealed ones."""
    faults = [
        Fault(f"{where}/{name}", "empty", "give it a value") for name, value in wanted.items() if not value.strip()
    ]
    own = sealed.values() if sealed else {}
    for name in sorted(backend.own & wanted.keys()):
        if own.get(name, wanted[name]) != wanted[name]:
            remedy = f"`estate secrets rotate {name}` changes it everywhere at once"
            faults.append(Fault(f"{where}/{name}", "is not what the sealed copy has", remedy))
    if faults:
        raise EstateFaults(faults)


def pull(inventory: InventoryArgument, env_file: EnvFile = ENV, dry_run: DryRun = False) -> None:
    """Write Infisical's values to a .env file of mode 600; when anything is wrong the old file stays."""
    with readable_faults():
        backend, sealed = _live(inventory)
        with operator(backend, sealed) as (infisical, scope):
            there = infisical.secrets(scope)
        if not there:
            raise EstateFaults([Fault(str(scope), "holds no secrets", "correct environment and path")])
        here = read_values(env_file) if env_file.exists() else {}
        differences = compare(here, there, (str(env_file), "Infisical"))
        text = dotenv(there, str(env_file))
        if not dry_run:
            write_private(env_file, text.encode())
    _print(differences)
    verb = "would change" if dry_run else "changed"
    out.print(f"{env_file}: {len(there)} secrets, {len(differences)} {verb}", markup=False, soft_wrap=True)


def diff(inventory: InventoryArgument, env_file: EnvFile = ENV) -> None:
    """Say which names differ between a .env file and Infisical. Exit code 2: some do."""
    with readable_faults():
        backend, sealed = _live(inventory)
        here = read_values(env_file)
        with operator(backend, sealed) as (infisical, scope):
            there = infisical.secrets(scope)
        differences = compare(here, there, (str(env_file), "Infisical"))
    _print(differences)
    out.print(f"{len(differences)} names differ" if differences else f"{env_file} and Infisical agree", soft_wrap=True)
    raise typer.Exit(CHANGES if differences else 0)
