"""What deploy.py needs for one host: the rendered tasks, after the checks that come before any change."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from gevent.lock import RLock
from pyinfra import logger
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host as PyinfraHost
from pyinfra.api.inventory import Inventory

from estate.edge.keys import Keys
from estate.inventory import Estate, current
from estate.models.desired import Desired
from estate.models.faults import EstateFaults
from estate.models.host import EdgeHost, Host
from estate.models.stack import Stack
from estate.pyinfra_run import SECRETS_FROM
from estate.render.host import tasks_of
from estate.render.infisical import HostAccess
from estate.run import start
from estate.secret_store.backend import Backend, backend_of
from estate.secret_store.load import Loaded, Mode, Origin, load, mode_of
from estate.secrets.audit import gate


@dataclass(frozen=True)
class Job:
    """One host's part of the deploy."""

    host: Host
    stack: Stack | None
    tasks: Mapping[str, Desired]
    backend: Backend
    loaded: Loaded = field(repr=False)
    keys: Keys = field(default_factory=Keys)

    def __getitem__(self, task: str) -> Desired:
        return self.tasks[task]

    def __contains__(self, task: object) -> bool:
        return task in self.tasks

    def get(self, task: str) -> Desired | None:
        """The task's wanted state, if the host has that task."""
        return self.tasks.get(task)


_lock = RLock()
_jobs: dict[str, Job] = {}
_refusals: list[str] = []


NOTICES = {
    Origin.SEALED: "SECRETS COME FROM THE SEALED COPY, NOT FROM INFISICAL: what was changed there since it was "
    "sealed ({:%Y-%m-%d %H:%M} UTC) is not deployed",
    Origin.BOOTSTRAP: "Infisical is not set up yet: this run starts it from the sealed copy ({:%Y-%m-%d %H:%M} UTC)",
}


def _needs_secrets(estate: Estate, name: str) -> bool:
    host = estate.hosts[name]
    return name in estate.stacks or isinstance(host, EdgeHost) or bool(host.secrets)


def load_secrets(estate: Estate, names: list[str], mode: Mode) -> tuple[Backend, Loaded]:
    """The secrets that these hosts need; none are read for hosts that need none.

    Raises EstateFaults when they cannot be had, or when the audit refuses them.
    """
    backend = backend_of(estate)
    if not any(_needs_secrets(estate, name) for name in names):
        return backend, Loaded({}, Origin.SEALED)
    loaded = load(backend, mode)
    gate(loaded.findings)
    if loaded.sealed and loaded.origin in NOTICES and backend.store:
        logger.warning(NOTICES[loaded.origin].format(loaded.sealed.sealed_at))
    for finding in loaded.warnings:
        logger.warning(str(finding.fault))
    return backend, loaded


def host_access(loaded: Loaded) -> HostAccess | None:
    """What the hosts read Infisical with, once it is set up."""
    access = loaded.sealed.access if loaded.sealed else None
    token = access.host_token() if access and access.complete else {}
    return HostAccess(access.project, token) if access and token else None


def make_jobs(estate: Estate, names: list[str], mode: Mode) -> dict[str, Job]:
    """Render every task of these hosts. Raises EstateFaults for what is wrong with their secrets."""
    backend, loaded = load_secrets(estate, names, mode)
    jobs = {}
    for name in names:
        host, stack = estate.hosts[name], estate.stacks.get(name)
        tasks = tasks_of(host, stack, loaded.values, host_access(loaded), estate.keys)
        jobs[name] = Job(host, stack, tasks, backend, loaded, estate.keys)
    return jobs


def wanted(jobs: Mapping[str, Job]) -> dict[str, Mapping[str, Desired]]:
    """Everything that is wanted of every host, by task."""
    return {name: job.tasks for name, job in jobs.items()}


def prepare(inventory: Inventory, host: PyinfraHost) -> Job:
    """The job of the host that deploy.py runs for.

    The first call renders all hosts and runs the preflight on all of them; any fault ends the run
    there, before anything is changed on any host. Raises PyinfraError with all faults.
    """
    with _lock:
        if _refusals:
            # pyinfra loads deploy.py for all hosts at once: one preflight is enough, and one answer
            raise PyinfraError(_refusals[0])
        if not _jobs:
            try:
                estate = current(inventory)
                active = list(inventory.get_active_hosts())
                mode = mode_of(os.environ.get(SECRETS_FROM) or inventory.get_override_data().get("secrets"))
                start.reachable(estate, inventory)
                try:
                    jobs = make_jobs(estate, [target.name for target in active], mode)
                except EstateFaults as error:
                    # All that is wrong in one report, whatever it is
                    raise EstateFaults([*error.faults, *start.host_faults(estate, active)]) from None
                start.start(estate, active, wanted(jobs))
            except EstateFaults as error:
                _refusals.append(start.refused(error))
                raise PyinfraError(_refusals[0]) from None
            _jobs.update(jobs)
    return _jobs[host.name]
