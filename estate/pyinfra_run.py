"""pyinfra as a program: the dry run and the run that other commands build on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from estate.operations.announce import CHANGES_FILE
from estate.render.templates import ROOT

SECRETS_FROM = "ESTATE_SECRETS"
"""Environment variable: where a run's secrets come from (estate/secret_store/load.py)."""

PLAN_OUT, PLAN_IN = "ESTATE_PLAN_OUT", "ESTATE_PLAN"
"""Environment variables: the file to save a dry run's plan in, and the one that a run has to keep to."""


def argv(inventory: Path, limit: tuple[str, ...], *options: str, exclude: tuple[str, ...] = ()) -> list[str]:
    """pyinfra's command line for deploy.py."""
    pyinfra = Path(sys.executable).with_name("pyinfra")
    words = [str(pyinfra), str(inventory.resolve()), "deploy.py", *options]
    chosen = [("--limit", name) for name in limit] + [("--exclude", name) for name in exclude]
    return words + [word for pair in chosen for word in pair]


def run(
    inventory: Path,
    limit: tuple[str, ...],
    *options: str,
    changes: Path,
    secrets: str = "",
    plan: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run it, and keep what it printed.

    + changes: the file to which every change is appended as a JSON line
    + secrets: where they come from; empty: as the environment says
    + plan: the file in which a dry run saves its plan
    """
    environment = os.environ | {CHANGES_FILE: str(changes), "PYINFRA_PROGRESS": "off"}
    environment |= {SECRETS_FROM: secrets} if secrets else {}
    environment |= {PLAN_OUT: str(plan.resolve())} if plan else {}
    return subprocess.run(
        argv(inventory, limit, *options),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def dry_run(
    inventory: Path, limit: tuple[str, ...], changes: Path, secrets: str = "", plan: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`pyinfra INVENTORY deploy.py --dry --diff`, its changes recorded as JSON lines."""
    return run(inventory, limit, "--dry", "--diff", changes=changes, secrets=secrets, plan=plan)


def read_changes(path: Path) -> list[dict[str, Any]]:
    """The recorded changes, in order."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
