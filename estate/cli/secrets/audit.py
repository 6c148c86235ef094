"""`estate secrets audit`: everything that is wrong with the secrets, never a value."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from estate.cli.errors import FAILED, out, readable_faults
from estate.cli.secrets.common import InventoryArgument
from estate.inventory import load as load_estate
from estate.render.templates import ROOT
from estate.secret_store.backend import backend_of
from estate.secret_store.ledger import thresholds
from estate.secret_store.live import live_ledger
from estate.secret_store.load import load, mode_of
from estate.secrets.audit import Severity, table
from estate.secrets.expiry import findings as expiring


def audit(
    inventory: InventoryArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    secrets: Annotated[str, typer.Option("--secrets", help="infisical, or sealed for the break-glass copy.")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Ask no host: no certificates, no pre-auth keys.")] = False,
) -> None:
    """Check every secret, what expires, and the files of this tree. Exit code 1: a deploy would be refused."""
    with readable_faults():
        estate = load_estate(inventory.resolve())
        backend = backend_of(estate)
        loaded = load(backend, mode_of(secrets))
        ledger, silent = ([], []) if offline else live_ledger(estate, loaded.values)
    found = [*loaded.findings, *expiring(ledger, datetime.now(UTC), thresholds(backend))]
    from estate.checks.tree import scan_tree

    in_tree = scan_tree(ROOT)
    refused = [finding for finding in found if finding.severity is Severity.REFUSE]
    if as_json:
        document = {
            "secrets": len(loaded.values),
            "source": loaded.origin.value,
            "findings": [finding.as_dict() for finding in found],
            "files": [{"path": f.path, "fault": f.fault, "remedy": f.remedy} for f in in_tree],
            "not_asked": silent,
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        if found:
            out.print(table(found))
        for fault in in_tree:
            out.print(str(fault), markup=False, soft_wrap=True)
        for line in silent:
            out.print(f"not asked: {line}", markup=False, soft_wrap=True)
        counts = f"{len(refused)} refused, {len(found) - len(refused)} to look at, {len(in_tree)} in files"
        out.print(f"{len(loaded.values)} secrets from {loaded.origin.value}: {counts}")
    if refused or in_tree:
        raise typer.Exit(FAILED)
