"""What the commands of `estate backup` share: the host, the program there, its answer."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from estate.cli.errors import err
from estate.exit_codes import ExitCode
from estate.inventory import Ssh, load
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.models.host import MainframeHost, StackHost
from estate.models.stack import Stack
from estate.remote import stream_as_root
from estate.render.backup_units import scripts_dir
from estate.run.current import Run
from estate.run.lock import fence, lock_fault, take_lock_script
from estate.run.options import Options

Inventory = Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")]
SetName = Annotated[str, typer.Argument(help="A set's id, as `estate backup list` shows it; or newest.")]
HostName = Annotated[str, typer.Option("--host", help="The host; the mainframe when several have backups.")]
StoreName = Annotated[str, typer.Option("--store", help="The store to read; by default the first that has the set.")]
StoreNames = Annotated[list[str] | None, typer.Option("--store", help="Only this store; may be repeated.")]
Services = Annotated[list[str] | None, typer.Option("--service", help="Only this service; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

_CODES = {0: ExitCode.DONE, 1: ExitCode.FAILED, 64: ExitCode.USAGE, 75: ExitCode.LOCKED}
"""What the host's program ends with (files/backup/estate_backup/errors.py)."""
_NOT_THERE = (126, 127)
_NO_LOCK = 98
"""Ours: somebody else has the host."""


class Locked(EstateFaults):
    """Somebody else deploys to the host."""


@dataclass(frozen=True)
class Target:
    """A host with backups, and how it is reached."""

    estate: str
    name: str
    ssh: Ssh
    host: StackHost
    stack: Stack


@dataclass(frozen=True)
class Answer:
    """What the host's program said: how it ended, and its document."""

    code: ExitCode
    document: dict[str, Any]


def target(inventory: Path, name: str = "") -> Target:
    """The host whose backups are meant: by its name, else the only one that has some, else the mainframe.

    Raises EstateFaults when it is not clear which, or there is none.
    """
    estate = load(inventory.resolve())
    hosts = {n: h for n, h in estate.hosts.items() if isinstance(h, StackHost) and h.backups and n in estate.stacks}
    if not hosts:
        raise EstateFaults([Fault(str(inventory), "no host has backups", "declare them (backups) in group_data")])
    if name and name not in hosts:
        raise EstateFaults([Fault(name, "is no host with backups", did_you_mean(name, hosts))])
    choices = [name] if name else list(hosts)
    if len(choices) > 1:
        choices = [one for one, host in hosts.items() if isinstance(host, MainframeHost)]
    if len(choices) != 1:
        raise EstateFaults([Fault("--host", f"{', '.join(hosts)} have backups", "say which one")])
    chosen = choices[0]
    return Target(estate.name, chosen, estate.ssh[chosen], hosts[chosen], estate.stacks[chosen])


def words(store: str = "", stores: list[str] | None = None, services: list[str] | None = None) -> list[str]:
    """The options of the host's program."""
    found = ["--store", store] if store else []
    for one in stores or ():
        found += ["--store", one]
    for one in services or ():
        found += ["--service", one]
    return found


def check_names(at: Target, stores: list[str], services: list[str] | None) -> None:
    """Raises EstateFaults for stores and services that are not declared: before anything is connected to."""
    assert at.host.backups is not None  # noqa: S101 - `target` has looked
    known = {store.name for store in at.host.backups.stores}
    faults = [Fault(f"--store {n}", "no such store", did_you_mean(n, known)) for n in stores if n and n not in known]
    there = {service.name for service in at.stack.services}
    faults += [
        Fault(f"--service {n}", "no such service", did_you_mean(n, there)) for n in services or () if n not in there
    ]
    if faults:
        raise EstateFaults(faults)


def _script(at: Target, command: list[str], locking: Run | None) -> str:
    program = shlex.join([f"{scripts_dir(at.stack)}/estate-backup", *command])
    if locking is None:
        return f"exec {program}"
    return take_lock_script(locking.me, _NO_LOCK) + fence(locking.id) + f"{program}\nexit $?\n"


def _say(line: str) -> None:
    err.print(f"· {line}", markup=False)


def _failed(at: Target, command: str, code: ExitCode, fault: str) -> EstateFaults:
    kind = Locked if code is ExitCode.LOCKED else EstateFaults
    return kind([Fault(f"{at.name}/estate-backup {command}", fault, "")], aftermath="")


def ask(at: Target, *command: str, lock: str = "") -> Answer:
    """Run the host's program with --json; its log is shown as it comes.

    + lock: hold the host's lock meanwhile, with this purpose: nobody deploys to it

    Raises EstateFaults when the host is not reached, is locked, has no backups, or gives no answer.
    """
    locking = Run(Options(), at.estate, lock) if lock else None
    outcome = stream_as_root(at.name, at.ssh, _script(at, [*command, "--json"], locking), _say)
    if outcome.code == _NO_LOCK:
        held = lock_fault(at.name, outcome.stdout.splitlines(), at.estate)
        raise Locked([held or Fault(f"{at.name}/lock", "cannot be taken", "see `estate history`")])
    if outcome.code in _NOT_THERE:
        raise EstateFaults([Fault(at.name, "the backups are not deployed there", "`estate deploy` first")])
    code = _CODES.get(outcome.code, ExitCode.FAILED)
    try:
        document = json.loads(outcome.stdout)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        said = outcome.stderr.strip().splitlines()
        fault = said[-1] if said else f"ended with {outcome.code} and said nothing"
        raise _failed(at, command[0], code, fault)
    if "fault" in document:
        raise _failed(at, command[0], code, str(document["fault"]))
    return Answer(code, document)
