"""`make bench`: measure the deploy of the lab, beside Ansible."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lab.bench import report
from lab.bench.link import require_means
from lab.bench.measure import Bench, Row
from lab.errors import LabError
from lab.lock import locked
from lab.paths import REPO, lab_paths
from lab.progress import Progress


def bench(
    rtt: Annotated[list[int] | None, typer.Option(help="A round-trip time in ms; several times. [0 150]")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each no-op; the median counts.")] = 3,
    cold: Annotated[bool, typer.Option(help="Reset the lab's mainframe (its data too) and deploy it anew.")] = True,
    ansible: Annotated[bool, typer.Option(help="Run a playbook that manages the same things.")] = True,
    markdown: Annotated[Path | None, typer.Option(help="Write the table into this file, between its markers.")] = None,
) -> None:
    """Count remote commands and take times of deploys of the lab, which must be up and deployed."""
    from estate.inventory import load
    from lab.docker import find_docker

    rtts = tuple(rtt or (0, 150))
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    paths, progress = lab_paths(), Progress()
    rows: list[Row] = []
    try:
        if any(rtts):
            require_means()
        docker = find_docker()
        if docker is None or not paths.profile.exists():
            raise LabError("the lab is not up", "run `make lab`")
        with locked(paths), progress.step("Benchmark") as step:
            one = Bench(docker, paths, load(REPO / "inventories" / "lab.py"), rtts, runs, cold, ansible)
            for row in one.rows(step):
                rows.append(row)
    except LabError as fault:
        if rows:
            progress.console.print(report.table(rows, rtts))
        stderr.print("✗ " + fault.fault, style="red", markup=False)
        if fault.remedy:
            stderr.print("  remedy: " + fault.remedy, markup=False)
        raise typer.Exit(1) from fault
    except KeyboardInterrupt as fault:
        stderr.print("interrupted; the network is as before. `make lab` converges a mainframe that was reset")
        raise typer.Exit(130) from fault
    where = report.machine(os.cpu_count() or 1, Path("/proc/meminfo").read_text())
    progress.console.print(report.table(rows, rtts))
    progress.console.print(f"on {where}", markup=False)
    if markdown:
        words = [".venv/bin/python -m lab.bench", *(f"--rtt {value}" for value in rtts), f"--runs {runs}"]
        words += [] if cold else ["--no-cold"]
        words += [] if ansible else ["--no-ansible"]
        command = " ".join([*words, f"--markdown {markdown}"])
        report.write_section(markdown, report.markdown(rows, rtts, runs, command, where))


if __name__ == "__main__":
    typer.run(bench)
