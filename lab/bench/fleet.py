"""What a no-op deploy of the edge fleet costs, beside a hand-written asyncssh script and Ansible.

    python -m lab.bench.fleet [--farm] [--markdown docs/performance.md]

The lab's edge group must be up and deployed; `--farm` measures on a farm of sshds instead, which needs no lab.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from estate.inventory import load
from lab.bench import ansible, fleet_report, report
from lab.bench.counted import totals
from lab.bench.farm import farm
from lab.bench.fleet_report import Row, Size
from lab.bench.places import Distance, FarmPlace, LabPlace, Place
from lab.bench.playbook import playbook
from lab.docker import find_docker
from lab.errors import LabError
from lab.lock import locked
from lab.paths import REPO, lab_paths
from lab.run import run

Once = Callable[[tuple[str, ...]], float]
_COUNTED = [sys.executable, "-m", "lab.bench.counted"]


@dataclass(frozen=True)
class Fleet:
    """A place, and how often each thing is measured there."""

    place: Place
    runs: int
    note: Callable[[str], None]

    def deploy(self, prefix: tuple[str, ...], *, noop: bool = True) -> tuple[float, int]:
        """One counted run of the deploy: its seconds, and the most remote commands on a host.

        Raises LabError when it fails, and when a run that should change nothing changed something.
        """
        with tempfile.TemporaryDirectory(prefix="estate-bench-") as folder:
            counts, changes = Path(folder) / "counts.json", Path(folder) / "changes.jsonl"
            argv = ["env", "-C", str(REPO), *prefix, *_COUNTED, str(counts), "-y", *self.place.deploy]
            environment = {"ESTATE_CHANGES_FILE": str(changes), "PYINFRA_PROGRESS": "off", **self.place.environment}
            seconds = _timed(argv, environment)
            if noop and changes.exists():
                first = changes.read_text().splitlines()[0]
                raise LabError(f"the fleet is not converged: {first}", "deploy it, then run the bench again")
            return seconds, max(totals(json.loads(counts.read_text())).values())

    @contextmanager
    def asyncssh(self) -> Iterator[Once]:
        """The hand-written script: a cold connection and one command as root on each node."""
        with tempfile.TemporaryDirectory(prefix="estate-bench-") as folder:
            hosts = Path(folder) / "hosts.json"
            hosts.write_text(json.dumps([target.asyncssh() for target in self.place.targets.values()]))
            script = REPO / "lab" / "bench" / "asyncssh_script.py"
            yield lambda prefix: _timed([*prefix, sys.executable, str(script), str(hosts)], {})

    @contextmanager
    def ansible(self) -> Iterator[Once]:
        """A playbook for the same content, pipelined over one connection a node, which is cold as the others' are."""
        paths, tasks = lab_paths(), self.place.tasks()
        self.note("installing ansible-core")
        program = ansible.ensure(paths)
        book = playbook(tasks, {})
        with tempfile.TemporaryDirectory(prefix="estate-bench-") as folder:
            config = Path(folder) / "ssh_config"
            config.write_text("".join(target.ssh_config(name) for name, target in self.place.targets.items()))
            with ansible.written(config, program, book, list(tasks)) as one:

                def once(prefix: tuple[str, ...]) -> float:
                    one.disconnect()  # a connection that was made near must not serve a far run
                    return one.play(prefix, "all")[0]

                yield once

    def rows(self, distances: tuple[Distance, ...], *, with_ansible: bool) -> list[Row]:
        """The three of them at each distance, in turns."""
        self.note("converging")
        with self.place.road(0) as prefix:
            self.deploy(prefix, noop=False)
        rows = []
        beside: AbstractContextManager[Once | None] = self.ansible() if with_ansible else nullcontext()
        with self.asyncssh() as script, beside as play:
            for distance in distances:
                rows.append(self._row(distance, script, play))
        return rows

    def _row(self, distance: Distance, script: Once, play: Once | None) -> Row:
        row = Row(distance)
        with self.place.road(distance) as prefix:
            for number in range(1, self.runs + 1):
                self.note(f"{distance}, {number} of {self.runs}")
                row.script.append(script(prefix))
                seconds, row.commands = self.deploy(prefix)
                row.estate.append(seconds)
            if play is not None:
                self.note(f"{distance}, Ansible")
                row.ansible.append(play(prefix))
        return row

    def size(self, distance: Distance) -> Size:
        """The cost of this many hosts at one distance."""
        row = self.rows((distance,), with_ansible=False)[0]
        return Size(len(self.place.targets), row)


def _timed(argv: list[str], environment: dict[str, str]) -> float:
    started = time.monotonic()
    run(argv, env=environment, timeout=3600)
    return time.monotonic() - started


@contextmanager
def _place(use_farm: bool, group: str, delays: Path) -> Iterator[Place]:
    if use_farm:
        with farm(16) as hosts:
            yield FarmPlace(hosts)
        return
    paths, docker = lab_paths(), find_docker()
    if docker is None or not paths.profile.exists():
        raise LabError("the lab is not up", "run `make lab`, or measure with `--farm`")
    with locked(paths):
        one = LabPlace(docker, paths, load(REPO / "inventories" / "lab.py"), group, delays)
        if not one.names:
            raise LabError(f"the lab has no host in {group}", "boot its full profile, or choose another --group")
        ansible.ensure_python(docker, one.names)
        yield one


def _sizes(sizes: list[int], distance: int, runs: int, note: Callable[[str], None]) -> Iterator[Size]:
    for size in sizes:
        with farm(size) as hosts:
            note(f"{size} hosts")
            yield Fleet(FarmPlace(hosts), runs, note).size(distance)


def fleet(
    rtt: Annotated[list[int] | None, typer.Option(help="A round trip in ms; several times. [0 50 150 250]")] = None,
    cities: Annotated[bool, typer.Option(help="Also with each city's own distance.")] = True,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")] = 3,
    use_farm: Annotated[bool, typer.Option("--farm", help="Sixteen sshds in a namespace instead of the lab.")] = False,
    group: Annotated[str, typer.Option(help="The lab's group that is deployed.")] = "edge",
    delays: Annotated[Path | None, typer.Option(help="The file of delays that the lab's road reads.")] = None,
    with_ansible: Annotated[bool, typer.Option("--ansible/--no-ansible", help="A playbook beside it.")] = True,
    size: Annotated[list[int] | None, typer.Option(help="Hosts of a farm; several times. [1 16 64 256]")] = None,
    size_rtt: Annotated[int, typer.Option(help="The round trip for these, in ms.")] = 50,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables into this file, between its marks.")] = None,
) -> None:
    """Measure the fleet's no-op deploy. Needs root for the distances."""
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def note(words: str) -> None:
        stderr.print(f"fleet: {words}", markup=False)

    distances: tuple[Distance, ...] = (*(rtt or (0, 50, 150, 250)), *(("cities",) if cities else ()))
    try:
        with _place(use_farm, group, delays or lab_paths().root / "road" / "delays.json") as place:
            rows = Fleet(place, runs, note).rows(distances, with_ansible=with_ansible)
            title = place.title
        sizes = list(_sizes([1, 16, 64, 256] if size is None else [n for n in size if n], size_rtt, runs, note))
    except LabError as fault:
        stderr.print("✗ " + fault.fault, style="red", markup=False)
        stderr.print("  remedy: " + fault.remedy, markup=False)
        raise typer.Exit(1) from fault
    where = report.machine(os.cpu_count() or 1, Path("/proc/meminfo").read_text())
    text = fleet_report.markdown(title, where, rows, sizes, runs)
    Console(highlight=False, soft_wrap=True).print(text, markup=False)
    if markdown:
        report.write_section(markdown, text, "fleet")


if __name__ == "__main__":
    typer.run(fleet)
