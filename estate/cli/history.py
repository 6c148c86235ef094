"""`estate history`: what ran on the hosts, from their own journals."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estate.cli.errors import err, out, readable_faults
from estate.exit_codes import ExitCode
from estate.inventory import load
from estate.run.history import Journal, merge, read_all
from estate.run.record import HostRecord, RunRecord
from estate.run.report import duration, meaning, printable

_RUNS, _RUNS_IN_FULL = 20, 5
"""How many runs are shown: of the estate, and of a host with its operations."""
_STYLES = {"good": "green", "change": "cyan", "warn": "yellow", "bad": "red"}
_OPERATION_STYLES = {"changed": "cyan", "unchanged": "dim", "failed": "red", "returned": "yellow", "interrupted": "red"}
_PIPED_WIDTH = 240
"""Columns at most, where no terminal limits them: a line a run."""
_NARROW = 110
"""Columns of a terminal, below which the date and the time of day are two lines."""
_NAMED = 3
"""So many hosts are named that ended otherwise than well."""


def _text(words: str, style: str = "") -> Text:
    """A text from a host: it neither styles nor steers the terminal."""
    return Text(printable(words), style)


def _outcome(run: RunRecord) -> Text:
    """How a run ended, and on which hosts it did not end well."""
    sense = meaning(run.outcome)
    amiss = [host.name for host in run.hosts if meaning(host.outcome).tone in ("warn", "bad")]
    named = ", ".join(amiss[:_NAMED]) + (f" and {len(amiss) - _NAMED} more" if len(amiss) > _NAMED else "")
    return _text(f"{sense.word}: {named}" if named else sense.word, _STYLES[sense.tone])


def _print_runs(runs: Sequence[RunRecord]) -> None:
    console = out if out.is_terminal else Console(width=_PIPED_WIDTH, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("when", width=10 if console.width < _NARROW else None)
    # in one piece what is there to be copied; the others are folded, never cut
    table.add_column("run", overflow="fold", no_wrap=True)
    for name in ("who", "purpose", "outcome"):
        table.add_column(name, overflow="fold")
    for name in ("hosts", "changes", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(
            f"{run.began:%Y-%m-%d %H:%M}",
            *(_text(words) for words in (run.run, run.who, run.purpose)),
            _outcome(run),
            str(len(run.hosts)),
            str(sum(host.changes for host in run.hosts)),
            f"{run.seconds:.1f}",
        )
    console.print(table)


def _change_line(change: dict[str, Any]) -> str:
    words = " ".join(str(change[key]) for key in ("action", "kind", "name") if change.get(key))
    reasons = change.get("why") or ()
    why = reasons if isinstance(reasons, str) else ", ".join(str(reason) for reason in reasons)
    return f"{words} ({why})" if why else words


def _print_host(run: RunRecord, host: HostRecord) -> None:
    """A host's operations in a run; times are seconds since the run began."""
    sense = meaning(host.outcome)
    out.print()
    out.print(_text(f"{run.run} on {host.name}: "), _text(sense.word, _STYLES[sense.tone]), sep="", soft_wrap=True)
    for words in (*run.notices, *run.faults, *([host.error] if host.error else [])):
        out.print(_text(f"  {words}", "yellow" if words in run.notices else "red"), soft_wrap=True)
    for step in host.operations:
        took = duration(max(step.ended - step.began, 0))
        style = _OPERATION_STYLES.get(step.outcome, "red")
        head = Text(f"{step.began:8.1f} s  ").append_text(_text(f"{step.outcome:11}", style))
        out.print(head.append_text(_text(f" {step.task}: {step.name} ({took})")), soft_wrap=True)
        for change in step.changes:
            out.print(_text(f"              {_change_line(change)}"), soft_wrap=True)
        for line in printable(step.output).rstrip().split("\n") if step.output else ():
            out.print(_text(f"              | {line}", "dim"), soft_wrap=True)


def _print_problems(journals: Sequence[Journal]) -> None:
    """Below the table, on standard error: what the table cannot tell."""
    for journal in journals:
        if journal.problem:
            err.print(_text(f"{journal.host}: {journal.problem}", "red"))
        for name in journal.broken:
            err.print(_text(f"{journal.host}: {name} is not a record, passed over", "yellow"))


def _code(journals: Sequence[Journal]) -> ExitCode:
    """UNREACHABLE when a host could not be reached, FAILED when one could but did not show its journal."""
    if any(journal.unreachable for journal in journals):
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED if any(journal.problem for journal in journals) else ExitCode.DONE


def show(inventory: Path, host: str, as_json: bool, last: int) -> ExitCode:
    """Print the last runs of the estate, or of a host with its operations.

    + last: how many; 0 for a number that fits what is shown
    Raises EstateFaults for a fault in the declarations or an unknown host.
    """
    estate = load(inventory.resolve())
    names = estate.select((host,) if host else ())
    count = last or (_RUNS_IN_FULL if host else _RUNS)
    journals = read_all({name: estate.ssh[name] for name in names}, count)
    # the newest runs of all are among the newest of each host that they ran on
    runs = merge(record for journal in journals for record in journal.records)[:count]
    if as_json:
        sys.stdout.write(json.dumps([run.model_dump(mode="json") for run in runs], indent=2) + "\n")
    elif runs:
        _print_runs(runs)
        for run in runs if host else ():
            for one in run.hosts:
                _print_host(run, one)
    else:
        out.print("no runs")
    _print_problems(journals)
    return _code(journals)


def history(
    inventory: Annotated[Path, typer.Argument(help="An inventory file, such as inventories/prod.py.")],
    host: Annotated[str, typer.Argument(help="A host (or group): also each operation there.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
    last: Annotated[int | None, typer.Option("--last", min=1, help="How many runs; else 20, or 5 of a host.")] = None,
) -> None:
    """Show what ran on the hosts, from their journals, in UTC. Exit code 0, or 6: a host could not be reached."""
    with readable_faults():
        code = show(inventory, host, as_json, last or 0)
    raise typer.Exit(code)
