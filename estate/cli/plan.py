"""`estate plan`: pyinfra's own dry run, with an honest exit code and the plan as data."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from estate.cli.errors import CHANGES, OK, err, out
from estate.inventory import load
from estate.pyinfra_run import dry_run, read_changes
from estate.secret_store.load import Mode, mode_of


def _print(changes: list[dict[str, Any]], hosts: list[str]) -> None:
    table = Table("host", "task", "change", "because")
    for change in changes:
        what = f"{change['action']} {change['kind']} {change['name']}"
        table.add_row(change["host"], change["task"], what, ", ".join(change["why"]))
    if changes:
        out.print(table)
    for change in changes:
        if change["diff"]:
            out.print(f"{change['host']}:", markup=False)
            out.print(change["diff"], markup=False)
    affected = len({change["host"] for change in changes})
    summary = f"{len(changes)} changes on {affected} of {len(hosts)} hosts"
    out.print(summary if changes else f"{len(hosts)} hosts: nothing to do")


def show(inventory: Path, limit: tuple[str, ...], as_json: bool, secrets: str = "", to: Path | None = None) -> int:
    """Print the plan and return the exit code: 0 clean, 2 changes pending, else what the dry run ended with.

    Raises EstateFaults for a fault in the declarations or a limit that matches nothing.
    """
    if mode_of(secrets) is Mode.SEALED:
        err.print("SECRETS COME FROM THE SEALED COPY, NOT FROM INFISICAL", style="yellow")
    hosts = sorted(load(inventory.resolve()).select(limit))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "changes"
        result = dry_run(inventory, limit, path, secrets, to)
        changes = read_changes(path)
    if result.returncode != 0:
        err.print(result.stderr.strip(), markup=False)
        return result.returncode
    if as_json:
        sys.stdout.write(json.dumps({"hosts": hosts, "changes": changes}, indent=2) + "\n")
    else:
        _print(changes, hosts)
    return CHANGES if changes else OK
