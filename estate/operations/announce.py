"""Tells the reader of a plan, and whoever asked for it as data, what changes."""

import json
import os
from collections.abc import Iterable

from pyinfra.api.host import Host
from pyinfra.api.state import StateStage

from estate.plan.change import Change
from estate.run.current import current

CHANGES_FILE = "ESTATE_CHANGES_FILE"
"""Environment variable: append every change to this file as JSON lines (`estate plan` reads them)."""

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def announce(host: Host, task: str, changes: Iterable[Change]) -> None:
    """Log changes once, while preparing, with diffs when --diff asks for them; record them in both phases."""
    planning = host.state.current_stage == StateStage.Prepare
    run = current()
    for change in changes:
        if run is not None and planning:
            run.planned.append({"host": host.name, "task": task, **change.as_dict()})
        elif run is not None:
            run.host(host.name).changes.append(change.as_dict())
        _record(host, task, change, "plan" if planning else "run")
        if planning:
            host.log_styled(f"    {change}", fg="yellow")
            if host.state.config.DIFF and change.diff:
                for line in change.diff.splitlines():
                    host.log_styled(f"      {line}", fg=_COLOURS.get(line[:1], "white"))


def _record(host: Host, task: str, change: Change, phase: str) -> None:
    path = os.environ.get(CHANGES_FILE)
    if path:
        line = json.dumps({"host": host.name, "task": task, "phase": phase, **change.as_dict()})
        with open(path, "a", encoding="utf-8") as handle:  # noqa: PTH123 - one append a line, shared by greenlets
            handle.write(line + "\n")
