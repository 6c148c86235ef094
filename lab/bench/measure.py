"""The measurements: which runs, over which distance, how often."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

from estate.deployment import make_jobs
from estate.inventory import Estate
from estate.secret_store.load import mode_of
from lab.bench import ansible, cold
from lab.bench.counted import totals
from lab.bench.link import link
from lab.bench.playbook import playbook
from lab.docker import Docker
from lab.errors import LabError
from lab.hosts import by_name
from lab.paths import REPO, LabPaths
from lab.progress import Step
from lab.run import run

Mode = Literal["-y", "--dry", "prompt"]
MAINFRAME = "mainframe"


@dataclass
class Row:
    """One line of the table: a kind of run, its remote commands a host, and its seconds by round-trip time."""

    title: str
    scope: str
    commands: dict[str, int] = field(default_factory=dict)
    seconds: dict[int, list[float]] = field(default_factory=dict)

    @property
    def on_mainframe(self) -> int:
        """Remote commands on the mainframe."""
        return self.commands.get(MAINFRAME, 0)

    @property
    def on_others(self) -> int:
        """The most that any other host needed."""
        return max((count for host, count in self.commands.items() if host != MAINFRAME), default=0)

    def median(self, rtt: int) -> float | None:
        """The middle of the runs at a distance."""
        return median(self.seconds[rtt]) if self.seconds.get(rtt) else None


def deploy(prefix: tuple[str, ...], limit: str, mode: Mode, *, noop: bool) -> tuple[float, dict[str, int]]:
    """One counted run of the deploy: its seconds, and the remote commands a host.

    Raises LabError when it fails, and when a run that should change nothing changed something.
    """
    with tempfile.TemporaryDirectory(prefix="estate-bench-") as folder:
        counts, changes = Path(folder) / "counts.json", Path(folder) / "changes.jsonl"
        options = ["--limit", limit] if limit else []
        options += [] if mode == "prompt" else [mode]
        counted = [sys.executable, "-m", "lab.bench.counted", str(counts)]
        argv = ["env", "-C", str(REPO), *prefix, *counted, *options, "inventories/lab.py", "deploy.py"]
        environment = {"ESTATE_CHANGES_FILE": str(changes), "PYINFRA_PROGRESS": "off"}
        started = time.monotonic()
        run(argv, stdin=b"y\n" if mode == "prompt" else None, env=environment, timeout=1800)
        seconds = time.monotonic() - started
        if noop and changes.exists():
            first = changes.read_text().splitlines()[0]
            raise LabError(f"the lab is not converged: {first}", "deploy it, then run the bench again")
        return seconds, totals(json.loads(counts.read_text()))


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    docker: Docker
    paths: LabPaths
    estate: Estate
    rtts: tuple[int, ...]
    runs: int
    with_cold: bool
    with_ansible: bool

    def rows(self, step: Step) -> Iterator[Row]:
        """Measure everything; each row comes when it is complete."""
        step.note("converging")
        deploy((), "", "-y", noop=False)
        everywhere = f"all {len(self.estate.hosts)} hosts"
        yield self._noop(step, Row("no-op, `-y`", MAINFRAME), MAINFRAME, "-y")
        yield self._noop(step, Row("no-op, `--dry`", MAINFRAME), MAINFRAME, "--dry")
        yield self._noop(step, Row("no-op, answering the prompt", MAINFRAME), MAINFRAME, "prompt")
        yield self._noop(step, Row("no-op, `-y`", everywhere), "", "-y")
        if self.with_cold:
            yield self._cold(step, Row("cold, `-y`", MAINFRAME))
        if self.with_ansible:
            yield from self._ansible(step, everywhere)

    def _repeat(self, step: Step, row: Row, runs: int, once: Callable[[tuple[str, ...]], float]) -> Row:
        for rtt in self.rtts:
            with link(self.docker, rtt) as prefix:
                for number in range(1, runs + 1):
                    step.note(f"{row.title}, {row.scope}, {rtt} ms, {number} of {runs}")
                    row.seconds.setdefault(rtt, []).append(once(prefix))
        return row

    def _noop(self, step: Step, row: Row, limit: str, mode: Mode) -> Row:
        def once(prefix: tuple[str, ...]) -> float:
            seconds, commands = deploy(prefix, limit, mode, noop=True)
            row.commands.update(commands)
            return seconds

        return self._repeat(step, row, self.runs, once)

    def _cold(self, step: Step, row: Row) -> Row:
        job = make_jobs(self.estate, [MAINFRAME], mode_of())[MAINFRAME]
        host = by_name(MAINFRAME)
        stack = job.stack
        if host is None or stack is None:
            raise LabError("the lab has no mainframe with a stack")

        def once(prefix: tuple[str, ...]) -> float:
            cold.reset(self.docker, host, stack, dict(job.tasks))
            seconds, commands = deploy(prefix, MAINFRAME, "-y", noop=False)
            row.commands.update(commands)
            return seconds

        return self._repeat(step, row, 1, once)

    def _ansible(self, step: Step, everywhere: str) -> list[Row]:
        step.note("installing ansible-core")
        program = ansible.ensure(self.paths)
        ansible.ensure_python(self.docker, self.estate.hosts)
        jobs = make_jobs(self.estate, list(self.estate.hosts), mode_of())
        book = playbook({name: job.tasks for name, job in jobs.items()}, self.estate.stacks)
        with ansible.written(self.paths.ssh_config, program, book, list(jobs)) as one:
            step.note("Ansible, counting")
            counts = ansible.executions(one.play((), "all", "-vvv")[1])
            own = {MAINFRAME: counts.get(MAINFRAME, 0)}
            rows = {MAINFRAME: Row("Ansible, no-op", MAINFRAME, own), "all": Row("Ansible, no-op", everywhere, counts)}
            for rtt in self.rtts:
                one.disconnect()  # a connection that was made near must not serve a far run
                with link(self.docker, rtt) as prefix:
                    for limit, row in rows.items():
                        step.note(f"{row.title}, {row.scope}, {rtt} ms")
                        row.seconds[rtt] = [one.play(prefix, limit)[0]]
        return list(rows.values())
