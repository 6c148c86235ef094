"""Where saved plans meet a run: a dry run writes one, and a run that has to keep to one checks it first."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import click
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host as PyinfraHost

from estate.exit_codes import ExitCode
from estate.facts.host_state import recalled
from estate.inventory import Estate
from estate.models.desired import Desired
from estate.models.faults import EstateFaults
from estate.pyinfra_run import PLAN_IN, PLAN_OUT, SECRETS_FROM
from estate.render.templates import ROOT
from estate.run.current import Run, commit
from estate.run.saved_plan import Plan, differences, pending, read, task_plans, write


def present_plan(
    run: Run, estate: Estate, wanted: Mapping[str, Mapping[str, Desired]], active: Collection[PyinfraHost]
) -> Plan:
    """What this run would do now, and on what ground."""
    return Plan(
        run=run.id,
        inventory=str(estate.path.relative_to(ROOT)),
        limit=run.options.limit,
        exclude=run.options.exclude,
        secrets=os.environ.get(SECRETS_FROM, ""),
        commit=commit(),
        hosts=task_plans(wanted, {target.name: recalled(target) for target in active}),
        changes=pending(run.planned),
    )


def check_saved(run: Run) -> None:
    """Before the first change. Raises PyinfraError when the run is to keep to a plan and that no longer holds."""
    path = os.environ.get(PLAN_IN)
    if not path or run.present is None:
        return
    faults = differences(read(Path(path)), run.present())
    if faults:
        run.refusal = ExitCode.REFUSED
        run.faults = [str(fault) for fault in faults]
        raise PyinfraError(str(EstateFaults(faults)))


def save_planned(run: Run) -> None:
    """At the end of a dry run: write its plan, if it is to be saved."""
    path = os.environ.get(PLAN_OUT)
    if path and run.options.dry and run.refusal is None and run.present is not None:
        write(run.present(), Path(path))
        click.echo(f"--> The plan is in {path}; `estate apply {path}` does exactly that", err=True)
