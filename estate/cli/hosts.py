"""`estate hosts`: whose host keys we trust; a first contact is approved by a person, never by default."""

import subprocess
from dataclasses import replace as replace_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer
from rich.table import Table

from estate.cli.errors import err, out, readable_faults
from estate.inventory import Ssh, load
from estate.known_hosts import address, pinned, with_keys
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.secrets.sealed import write_private

app = typer.Typer(help="The hosts of an inventory and their host keys.", no_args_is_help=True)

TIMEOUT = 10
"""Seconds that a host has to show its keys."""


def scan(ssh: Ssh) -> set[str]:
    """The ed25519 key that the host shows now. Raises EstateFaults when it shows none."""
    words = ["ssh-keyscan", "-T", str(TIMEOUT), "-t", "ed25519", "-p", str(ssh.port), ssh.hostname]
    result = subprocess.run(words, capture_output=True, text=True, timeout=3 * TIMEOUT, check=False)
    keys = {" ".join(line.split()[1:3]) for line in result.stdout.splitlines() if not line.startswith("#")}
    if not keys:
        why = (result.stderr.strip().splitlines() or ["no answer"])[-1]
        raise EstateFaults([Fault(address(ssh), f"shows no ed25519 key: {why}", "see whether sshd runs there")])
    return keys


def fingerprint(key: str) -> str:
    """SHA256:…, as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it at the host's console."""
    with NamedTemporaryFile("w", suffix=".pub") as file:
        file.write(f"{key}\n")
        file.flush()
        result = subprocess.run(["ssh-keygen", "-lf", file.name], capture_output=True, text=True, check=False)
    fields = result.stdout.split()
    return fields[1] if len(fields) > 1 else "unreadable"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _trust(name: str, ssh: Ssh, replace: bool, yes: str, seen_at: str = "") -> str:
    """Pin one host's key; says what was done.

    + seen_at: where it answers now, when that is not where it will; pinned for both
    """
    path, where = Path(ssh.known_hosts), address(ssh)
    shows = replace_address(ssh, hostname=seen_at, port=22) if seen_at else ssh
    old, new = pinned(_read(path), where), scan(shows)
    shown = ", ".join(fingerprint(key) for key in sorted(new))
    both = dict.fromkeys((where, address(shows)))
    if all(new <= pinned(_read(path), one) for one in both):
        return f"{name}: {shown} is pinned already"
    if old and not replace:
        before = ", ".join(fingerprint(key) for key in sorted(old))
        remedy = "when the host was installed anew: --replace; otherwise somebody may be listening"
        raise EstateFaults([Fault(name, f"its key is {shown}, pinned is {before}", remedy)])
    err.print(f"{name} ({address(shows)}) shows {shown}", markup=False)
    err.print("Compare at its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", markup=False)
    answer = yes or typer.prompt("Type the fingerprint's last six characters to trust it")
    if answer not in {shown[-6:], shown}:
        raise EstateFaults([Fault(name, "not approved", "nothing was written")])
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _read(path)
    for one in both:
        text = with_keys(text, one, new)
    write_private(path, text.encode())
    return f"{name}: {shown} is pinned in {path}"


@app.command()
def trust(
    inventory: Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")],
    names: Annotated[list[str] | None, typer.Argument(help="Hosts; none: all that have no pinned key.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="The host has a new key, and that is right.")] = False,
    expected: Annotated[str, typer.Option("--fingerprint", help="The one expected, instead of being asked.")] = "",
    seen_at: Annotated[
        str, typer.Option("--address", help="Where a node answers before it is in the mesh; one host at a time.")
    ] = "",
) -> None:
    """Pin the host keys of hosts, each after you have compared its fingerprint."""
    with readable_faults():
        estate = load(inventory.resolve())
        unknown = [name for name in names or () if name not in estate.ssh]
        if unknown:
            raise EstateFaults([Fault(n, "no such host", did_you_mean(n, estate.ssh)) for n in unknown])
        wanted = names or [n for n, s in estate.ssh.items() if not pinned(_read(Path(s.known_hosts)), address(s))]
        if seen_at and len(wanted) != 1:
            raise EstateFaults([Fault("--address", f"{len(wanted)} hosts cannot be at it", "name one host")])
        for name in wanted:
            out.print(_trust(name, estate.ssh[name], replace, expected, seen_at), markup=False)
        if not wanted:
            out.print(f"every host of {estate.name} has a pinned key")


@app.command(name="list")
def list_(inventory: Annotated[Path, typer.Argument(help="An inventory file.")]) -> None:
    """Every host: group, address, login, and the fingerprint of its pinned key."""
    with readable_faults():
        estate = load(inventory.resolve())
        table = Table("host", "group", "address", "login", "host key")
        for name, host in estate.hosts.items():
            ssh = estate.ssh[name]
            keys = pinned(_read(Path(ssh.known_hosts)), address(ssh))
            shown = ", ".join(fingerprint(key) for key in sorted(keys)) or f"not pinned: `estate hosts trust {name}`"
            table.add_row(name, host.group, address(ssh), ssh.user, shown)
        out.print(table)
