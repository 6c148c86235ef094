"""What the commands share: the inventory's backend, a session as the operator, values from a file."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from dotenv.main import DotEnv

from estate.clients.errors import ApiError
from estate.clients.infisical import Infisical, Scope
from estate.inventory import load
from estate.models.faults import EstateFaults, Fault
from estate.secret_store.backend import Backend, backend_of
from estate.secret_store.load import from_environment, login
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


def read_values(path: Path) -> dict[str, str]:
    """Names and values of a `.env` or `.json` file; values are taken literally, never interpolated.

    Raises EstateFaults when it is missing or unreadable.
    """
    if not path.is_file():
        raise EstateFaults([Fault(str(path), "no such file")])
    if path.suffix == ".json":
        try:
            found = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise EstateFaults([Fault(str(path), f"not JSON (line {error.lineno})", "correct it")]) from None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise EstateFaults([Fault(str(path), "not an object of names and texts", "correct it")])
        values: dict[str, str] = found
    else:
        values = {name: value or "" for name, value in DotEnv(path, interpolate=False).dict().items()}
    redact.learn(values.values())
    return values


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
