"""`estate edge status`: the fleet in one table."""

import json
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from estate.cli.edge.common import Inventory, fleet
from estate.cli.errors import out, readable_faults
from estate.exit_codes import ExitCode

if TYPE_CHECKING:
    from estate.edge.status_row import Declared
    from estate.inventory import Estate
    from estate.models.edge import Mesh
    from estate.rollout.status import View

_PIPED_WIDTH = 120
"""Columns, where no terminal says how many."""


def as_json(estate: "Estate", mesh: "Mesh", seen: "View") -> dict[str, Any]:
    """The sweep as a document; times in seconds."""
    return {
        "estate": estate.name,
        "at": seen.at,
        "code": int(seen.code),
        "release": {"version": mesh.release.version, "sha256": mesh.release.sha256},
        "hub": {"name": mesh.hub.name, "away": seen.hub_away or None},
        "bridge": {"silent": seen.silence or None},
        "nodes": [asdict(row) for row in seen.rows],
    }


def status(
    inventory: Inventory,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option("--every", help="Seconds between two looks.", min=1)] = 10,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch a line a look.")] = False,
) -> None:
    """Show every node in one table: is it well, and does it run what is declared?

    Exit code 0: all well and current, 2: some are behind, 1: something is ill, 6: a node is away.
    """
    from estate.rollout.status import declared, view

    with readable_faults(ExitCode.REFUSED):
        estate, mesh = fleet(inventory)
        wanted = declared(estate, mesh)
    if watch:
        raise typer.Exit(_watch(estate, mesh, wanted, every, json_out))
    seen = view(estate, mesh, wanted)
    _print(estate, mesh, seen, json_out, indent=2)
    raise typer.Exit(seen.code)


def _print(estate: "Estate", mesh: "Mesh", seen: "View", json_out: bool, indent: int | None = None) -> None:
    from estate.cli.edge.status_view import page

    if json_out:
        sys.stdout.write(json.dumps(as_json(estate, mesh, seen), indent=indent) + "\n")
        sys.stdout.flush()
        return
    console = out if out.is_terminal else Console(width=_PIPED_WIDTH, highlight=False)
    console.print(page(estate.name, mesh, seen))


def _watch(estate: "Estate", mesh: "Mesh", wanted: dict[str, "Declared"], every: float, json_out: bool) -> int:
    """Look until Ctrl-C; ends with the code of the last look. In place at a terminal, else one after the other."""
    from gevent import get_hub

    from estate.cli.edge.status_view import page
    from estate.rollout.status import view

    # Ctrl-C is how this ends: gevent, which pyinfra brings, would print it as an error
    get_hub().NOT_ERROR += (KeyboardInterrupt,)
    code = ExitCode.INTERRUPTED
    in_place = out.is_terminal and not json_out
    hint = f"every {every:g} s, Ctrl-C ends it"
    try:
        with Live("looking …", console=out, auto_refresh=False, screen=True) if in_place else nullcontext() as live:
            while True:
                began = time.monotonic()
                seen = view(estate, mesh, wanted)
                code = seen.code
                if live is None:
                    _print(estate, mesh, seen, json_out)
                else:
                    live.update(page(estate.name, mesh, seen, hint), refresh=True)
                time.sleep(max(0.0, every - (time.monotonic() - began)))
    except KeyboardInterrupt:
        return code
