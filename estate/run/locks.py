"""The locks of a run on all of its hosts: kept alive, checked before the first change, given back with the journal."""

import time
from collections.abc import Mapping
from typing import Any

import gevent
from pyinfra import logger
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host

from estate.facts.quiet import ReadError, read
from estate.inventory import Ssh
from estate.remote import run_as_root
from estate.run.current import Run
from estate.run.journal import journal_text, leave_script
from estate.run.lock import LEASE, RENEW, renew_script

_TIMEOUT = 20


class Locks:
    """Renews the locks of a run's hosts until it leaves them."""

    def __init__(self, run: Run, ssh: Mapping[str, Ssh]) -> None:
        self.run, self.ssh = run, ssh
        self.hosts: dict[str, Host] = {}
        self.renewed = time.monotonic()
        self._greenlet: Any = None

    def took(self, host: Host) -> None:
        """The host is ours now."""
        self.hosts[host.name] = host
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._keep)

    def _keep(self) -> None:
        while True:
            gevent.sleep(RENEW)
            self._renew()

    def _renew(self) -> list[str]:
        """Renew all of them; the names of those that are no longer ours."""
        hosts = list(self.hosts.values())
        jobs = [gevent.spawn(self._renew_one, host) for host in hosts]
        gevent.joinall(jobs)
        self.renewed = time.monotonic()
        gone = [host.name for host, job in zip(hosts, jobs, strict=True) if not job.value]
        for name in gone:
            mine = self.run.host(name)
            mine.failed, mine.unlocked, mine.error = True, True, "the lock was lost"
        if gone:
            self.run.stop = f"the lock of {', '.join(gone)} was lost: somebody else may be deploying"
        return gone

    def _renew_one(self, host: Host) -> bool:
        try:
            return read(host, renew_script(self.run.me), timeout=_TIMEOUT) != ["lost"]
        except ReadError as error:
            # A dead connection is found out by the next operation; this one cannot tell what became of the lock
            logger.debug("%s: the lock was not renewed: %s", host.name, error)
        return True

    def confirm(self) -> None:
        """Before the first change: when the operator took his time to say yes, the leases may be over.

        Raises PyinfraError when a lock is somebody else's.
        """
        if time.monotonic() - self.renewed < LEASE / 2:
            return
        if gone := self._renew():
            raise PyinfraError(f"while the plan waited for an answer, somebody else took {', '.join(gone)}")

    def leave(self, host: Host) -> None:
        """Write the host's journal, if anything was run there, and give its lock back: one command."""
        if self.hosts.pop(host.name, None) is None:
            return
        if self._greenlet is not None:
            # Or a renewal on its way could put back what is being given back
            self._greenlet.kill()
        text = journal_text(self.run.record(host.name)) if self.run.executing else ""
        mine = self.run.host(host.name)
        words, reads = leave_script(self.run.me, text, quiet=mine.quiet)
        if not mine.lost:
            read(host, words, timeout=_TIMEOUT, stdin=reads)
        else:
            # It may be back, though not on this connection; one that is not keeps its lock until the lease ends
            run_as_root(host.name, self.ssh[host.name], words, stdin=reads, timeout=_TIMEOUT, wait=4)
