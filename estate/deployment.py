"""What deploy.py needs for one host: the rendered tasks, after the checks that come before any change."""

from collections.abc import Mapping
from dataclasses import dataclass

from gevent.lock import RLock
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host as PyinfraHost
from pyinfra.api.inventory import Inventory

from estate import preflight
from estate.inventory import Estate, current
from estate.models.desired import Desired
from estate.models.faults import EstateFaults
from estate.models.host import Host
from estate.models.stack import Stack
from estate.render.host import tasks_of
from estate.secrets.source import FileSource, default_path, resolve


@dataclass(frozen=True)
class Job:
    """One host's part of the deploy."""

    host: Host
    stack: Stack | None
    tasks: Mapping[str, Desired]

    def __getitem__(self, task: str) -> Desired:
        return self.tasks[task]

    def __contains__(self, task: object) -> bool:
        return task in self.tasks

    def get(self, task: str) -> Desired | None:
        """The task's wanted state, if the host has that task."""
        return self.tasks.get(task)


_lock = RLock()
_jobs: dict[str, Job] = {}


def make_jobs(estate: Estate, names: list[str]) -> dict[str, Job]:
    """Render every task of these hosts. Raises EstateFaults for missing secrets, of all hosts at once."""
    jobs = {}
    for name in names:
        host, stack = estate.hosts[name], estate.stacks.get(name)
        secrets = resolve(stack, FileSource(default_path(estate.name))) if stack else {}
        jobs[name] = Job(host, stack, tasks_of(host, stack, secrets))
    return jobs


def prepare(inventory: Inventory, host: PyinfraHost) -> Job:
    """The job of the host that deploy.py runs for.

    The first call renders all hosts and runs the preflight on all of them; any fault ends the run
    there, before anything is changed on any host. Raises PyinfraError with all faults.
    """
    with _lock:
        if not _jobs:
            try:
                estate = current(inventory)
                active = list(inventory.get_active_hosts())
                jobs = make_jobs(estate, [target.name for target in active])
                preflight.gate(estate, active)
            except EstateFaults as error:
                raise PyinfraError(str(error)) from None
            _jobs.update(jobs)
    return _jobs[host.name]
