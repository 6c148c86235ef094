"""`estate edge rollout`: a deploy of the fleet without the nodes that are away, which are named."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from estate.cli.errors import err
from estate.exit_codes import ExitCode
from estate.inventory import Estate
from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults
from estate.pyinfra_run import SECRETS_FROM, argv
from estate.remote import run_as_root
from estate.render.templates import ROOT
from estate.run.guard import PURPOSE
from estate.secret_store.load import mode_of


def away(estate: Estate, mesh: Mesh) -> dict[str, str]:
    """Nodes that do not answer over the mesh, with the reason."""

    def one(node: Node) -> tuple[str, str]:
        try:
            run_as_root(node.name, estate.ssh[node.name], ":", timeout=20, wait=8)
        except EstateFaults as error:
            return node.name, error.faults[0].fault
        return node.name, ""

    with ThreadPoolExecutor(max_workers=16) as pool:
        return {name: why for name, why in pool.map(one, mesh.nodes) if why}


def rollout(inventory: Path, estate: Estate, mesh: Mesh, yes: bool, secrets_from: str) -> int:
    """Deploy to every node that is there; returns pyinfra's exit code.

    The hub cannot be left out: everything goes through it.
    """
    missing = away(estate, mesh)
    if mesh.hub.name in missing:
        err.print(f"{mesh.hub.name}: {missing[mesh.hub.name]}: without the hub there is no rollout", markup=False)
        return ExitCode.UNREACHABLE
    for name, why in missing.items():
        err.print(f"quarantined: {name}: {why}; the next rollout takes it up again", markup=False)
    there = tuple(node.name for node in mesh.nodes if node.name not in missing)
    words = argv(inventory, there, *(["-y"] if yes else []))
    environment = os.environ | {
        SECRETS_FROM: mode_of(secrets_from).value,
        PURPOSE: f"estate edge rollout {estate.name}",
    }
    code = subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode
    if code == ExitCode.DONE and missing:
        err.print(f"done without {', '.join(missing)}", markup=False)
    return code
