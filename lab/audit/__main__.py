"""`make audit`: measures every lab host and prints a table each; status 1 when one of them misses what is wanted."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from estate.inventory import Estate
from lab.audit.result import Check
from lab.errors import LabError
from lab.paths import REPO, lab_paths


def table(name: str, checks: list[Check]) -> Table:
    """One row a check."""
    found = Table("check", "result", "wanted", "verdict", title=name, title_justify="left")
    for check in checks:
        found.add_row(check.name, check.result, check.wanted, "[green]met[/]" if check.passed else "[red]missed[/]")
    return found


def details(checks: list[Check]) -> list[str]:
    """What spoils the checks that were missed, a line each."""
    return [f"{check.name}: {line}" for check in checks if not check.passed for line in check.details]


def audit(
    names: Annotated[list[str] | None, typer.Argument(help="Hosts; all of the lab's Debian ones without any.")] = None,
    full: Annotated[bool, typer.Option(help="Let lynis count what is the machine's, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the deployed lab: lynis, ssh-audit, the CIS sections on Docker, secrets, listening ports."""
    from estate.inventory import load
    from lab.audit.measure import measure_all

    stdout, stderr = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        estate: Estate = load(REPO / "inventories" / "lab.py")
        unknown = set(names or ()) - set(estate.hosts)
        if unknown:
            raise LabError(f"no such host: {', '.join(sorted(unknown))}", f"choose of {', '.join(estate.hosts)}")
        # What these tools know is Debian; the fleet's nodes are looked at by tests/verify/test_edge.py
        measurable = [name for name, host in estate.hosts.items() if host.system == "debian"]
        if others := set(names or ()) - set(measurable):
            raise LabError(f"not a Debian: {', '.join(sorted(others))}", f"choose of {', '.join(measurable)}")
        found = measure_all(lab_paths(), estate, tuple(names or measurable), full)
    except LabError as fault:
        stderr.print(f"✗ {fault}", style="red", markup=False)
        raise typer.Exit(2) from fault
    if as_json:
        print(json.dumps({name: [vars(check) for check in checks] for name, checks in found.items()}, indent=2))
    else:
        for name, checks in found.items():
            stdout.print(table(name, checks))
            for line in details(checks):
                stdout.print(f"  {line}", markup=False)
    if not all(check.passed for checks in found.values() for check in checks):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(audit)
