"""`estate plan`: pyinfra's own dry run, with an honest exit code and the plan as data."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from estate.cli.errors import CHANGES, FAILED, OK, err, out
from estate.inventory import load
from estate.operations.announce import CHANGES_FILE
from estate.render.templates import ROOT
from estate.secrets.load import MODE, mode_of


def dry_run(
    inventory: Path, limit: tuple[str, ...], changes: Path, secrets: str = ""
) -> subprocess.CompletedProcess[str]:
    """`pyinfra INVENTORY deploy.py --dry --diff`, its changes recorded as JSON lines.

    + secrets: where they come from; empty: as the environment says
    """
    pyinfra = Path(sys.executable).with_name("pyinfra")
    argv = [str(pyinfra), str(inventory.resolve()), "deploy.py", "--dry", "--diff"]
    argv += [word for name in limit for word in ("--limit", name)]
    environment = os.environ | {CHANGES_FILE: str(changes), "PYINFRA_PROGRESS": "off"}
    environment |= {MODE: secrets} if secrets else {}
    return subprocess.run(
        argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def read_changes(path: Path) -> list[dict[str, Any]]:
    """The recorded changes, in order."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


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


def show(inventory: Path, limit: tuple[str, ...], as_json: bool, secrets: str = "") -> int:
    """Print the plan and return the exit code: 0 clean, 2 changes pending, 1 failed.

    Raises EstateFaults for a fault in the declarations or a limit that matches nothing.
    """
    mode_of(secrets)
    hosts = sorted(load(inventory.resolve()).select(limit))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "changes"
        result = dry_run(inventory, limit, path, secrets)
        changes = read_changes(path)
    if result.returncode != 0:
        err.print(result.stderr.strip(), markup=False)
        return FAILED
    if as_json:
        sys.stdout.write(json.dumps({"hosts": hosts, "changes": changes}, indent=2) + "\n")
    else:
        _print(changes, hosts)
    return CHANGES if changes else OK
