"""What the commands share: the inventory's backend, a session as the operator, values from a file."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from estate.clients.errors import ApiError
from estate.clients.infisical import Infisical, Scope
from estate.inventory import load
from estate.models.faults import EstateFaults, Fault
from estate.secret_store.backend import Backend, backend_of
from estate.secret_store.load import from_environment, login
from estate.secrets.audit import audit, gate
from estate.secrets.redact import redact
from estate.secrets.sealed import Sealed

InventoryArgument = Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")]


def backend_at(inventory: Path) -> Backend:
    """The secrets of an inventory. Raises EstateFaults."""
    return backend_of(load(inventory.resolve()))


def is_live(backend: Backend, sealed: Sealed | None) -> bool:
    """Whether Infisical has been set up, so that values are kept there too."""
    ready = from_environment() or (sealed and sealed.access and sealed.access.complete)
    return bool(backend.store and ready)


@contextmanager
def operator(backend: Backend, sealed: Sealed | None) -> Iterator[tuple[Infisical, Scope]]:
    """A session that may write, and where the secrets lie. Raises EstateFaults for whatever goes wrong."""
    access = sealed.access if sealed else None
    try:
        with backend.infisical() as infisical:
            project = login(infisical, access, access.operator if access else None)
            yield infisical, backend.scope(project)
    except ApiError as error:
        raise EstateFaults([error.fault]) from None


def check_new(backend: Backend, there: dict[str, str], new: dict[str, str]) -> None:
    """Refuse new values that would make the audit refuse what it did not refuse before."""
    now = datetime.now(UTC)
    before, after = (audit(backend.specs, backend.consumers, values, now=now) for values in (there, there | new))
    gate(finding for finding in after if finding not in before)


def ask(name: str, purpose: str) -> str:
    """A value from the person at the terminal, or from standard input when there is none."""
    if not sys.stdin.isatty():
        value = sys.stdin.readline().rstrip("\n")
        if not value:
            remedy = "give it on standard input or with --from-file"
            raise EstateFaults([Fault(f"secrets/{name}", "no value was given", remedy)])
    else:
        value = str(typer.prompt(f"{name} ({purpose})" if purpose else name, hide_input=True))
    redact.learn([value])
    return value


def names_of(values: Mapping[str, object]) -> str:
    """The names, sorted, for a sentence."""
    return ", ".join(sorted(values)) or "none"
