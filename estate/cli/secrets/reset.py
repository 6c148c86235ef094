"""`estate secrets reset`: an empty Infisical again, filled from the sealed copy by the next deploy."""

import shutil
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from estate.cli.errors import err, out, readable_faults
from estate.cli.secrets.common import InventoryArgument, is_live, operator
from estate.inventory import Estate
from estate.inventory import load as load_estate
from estate.models.faults import EstateFaults, Fault
from estate.models.stack import Stack
from estate.remote import run_as_root
from estate.render.infisical import TOKEN_FILE
from estate.secret_store.backend import Backend, backend_of
from estate.secrets.compare import compare
from estate.secrets.generate import generate
from estate.secrets.sealed import Sealed

FRESH = timedelta(days=1)
_SERVICES = ("infisical", "infisical-redis", "infisical-db")


def wipe_script(stack: Stack) -> str:
    """Removes Infisical's containers and everything that they keep; nothing of any other service."""
    data = [f"{stack.data_dir}/{item.path}" for name in _SERVICES for item in stack.service(name).data]
    lines = [
        "set -eu",
        f"docker rm --force {' '.join(_SERVICES)} >/dev/null",
        *(f"find {path} -mindepth 1 -delete" for path in data),
        f"rm -f {stack.compose_dir}/{TOKEN_FILE}",
    ]
    return "\n".join(lines)


def _unsafe(backend: Backend, sealed: Sealed) -> list[Fault]:
    """Why the sealed copy is not good enough to be the only one."""
    faults = []
    where = str(backend.file.path)
    if datetime.now(UTC) - sealed.sealed_at > FRESH:
        faults.append(
            Fault(where, f"was sealed at {sealed.sealed_at:%Y-%m-%d %H:%M} UTC", "`estate secrets seal` first")
        )
    if is_live(backend, sealed):
        with operator(backend, sealed) as (infisical, scope):
            differences = compare(sealed.values(), infisical.secrets(scope))
        faults += [Fault(f"{where}/{d.name}", d.state, "`estate secrets seal` first") for d in differences]
    return faults


def _wipe(estate: Estate, backend: Backend) -> None:
    for name, stack in estate.stacks.items():
        if stack is backend.stack:
            outcome = run_as_root(name, estate.ssh[name], wipe_script(stack))
            if outcome.code != 0:
                fault = f"was not emptied: {outcome.stderr.strip()[-300:]}"
                raise EstateFaults([Fault(f"{name}/infisical", fault, "run it again")])


def reset(
    inventory: InventoryArgument,
    data: Annotated[bool, typer.Option("--data", help="Empty Infisical; its own keys stay.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Empty Infisical, and give it new keys.")] = False,
    yes_really: Annotated[bool, typer.Option("--yes-really", help="Needed for any estate but the lab.")] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="Its data are gone: the copy can't be compared with it.")
    ] = False,
) -> None:
    """Empty Infisical; the next deploy sets it up again from the sealed copy. Asks for the estate's name first."""
    with readable_faults():
        if data == everything:
            raise EstateFaults([Fault("--data, --all", "give one of them", "see --help")])
        estate = load_estate(inventory.resolve())
        backend = backend_of(estate)
        sealed = backend.file.open()
        if backend.name != "lab":
            if not yes_really:
                raise EstateFaults([Fault(backend.name, "is not the lab", "add --yes-really when you mean it")])
            if not lost and (faults := _unsafe(backend, sealed)):
                raise EstateFaults(faults)
        err.print("This deletes Infisical's database: users, versions and audit log are gone; secrets come back.")
        if typer.prompt(f"Type {backend.name} to go on") != backend.name:
            raise EstateFaults([Fault(backend.name, "not confirmed", "nothing was changed")])
        kept = backend.file.path.with_name(f"{backend.file.path.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S}.age")
        shutil.copy2(backend.file.path, kept)
        _wipe(estate, backend)
        sealed.access = None
        if everything:
            # Not the backups': every set so far is opened with theirs
            for name in sorted(n for n in backend.own if set(backend.consumers(n)) & {*_SERVICES}):
                sealed.put(generate(backend.specs[name]))
        backend.file.save(sealed)
    out.print(f"Infisical is empty; the sealed copy as it was: {kept}; now deploy", markup=False, soft_wrap=True)
