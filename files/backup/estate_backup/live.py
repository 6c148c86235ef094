"""The host's own services while their data are replaced: stop, start, and wait until they are well.

They are the containers that Compose made: stopped and started, never made anew, so that they stay as deployed. A stop
by hand outlives a restart of the Docker daemon ("unless-stopped"), and takes the grace period that was deployed.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable, Iterator
from types import FrameType

from estate_backup.config import Service
from estate_backup.errors import BackupError
from estate_backup.restore_docker import PAUSE, STOPPING, State, docker, state

HEALTHY_WITHIN = 300
"""Seconds that a service gets to become healthy unless its `drill` says more: long starts migrate."""


class Interrupted(SystemExit):
    """A signal asked for the end: what is half-way is put back, then the program ends."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"interrupted by {self.name}"


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP into Interrupted, once: the way out itself is not interrupted."""

    def stop(number: int, _: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def states(services: Iterable[Service]) -> dict[str, State]:
    """The state of each service's container by the service's name; those that run in none are left out."""
    return {service.name: state(service.container) for service in services if service.container}


def require(services: Iterable[Service]) -> None:
    """Raises BackupError that names every service whose container is not there: a restore ends by starting it."""
    absent = [name for name, now in states(services).items() if now.status == "absent"]
    if absent:
        raise BackupError("docker", f"no container of {', '.join(absent)}", "deploy the stack first, then restore")


def stop(services: Iterable[Service]) -> None:
    """Stop them, in this order. Raises BackupError when one still runs afterwards."""
    for service in services:
        if not service.container or not state(service.container).running:
            continue
        docker("stop", service.container, timeout=STOPPING)
        if (now := state(service.container)).running:
            raise BackupError(service.container, f"still {now.status} after docker stop", "")


def start(services: Iterable[Service]) -> None:
    """Start them, in this order; one that runs already is left alone."""
    for service in services:
        if service.container and not state(service.container).running:
            docker("start", service.container, timeout=STOPPING)


def wait_healthy(service: Service) -> None:
    """Wait until Docker calls it healthy. Raises BackupError when it ends, restarts or does not become it in time.

    The container's own check counts: it is the one that was deployed.
    """
    if not service.container:
        return
    seconds = float(service.drill.get("timeout") or HEALTHY_WITHIN)
    end = time.monotonic() + seconds
    while not (now := state(service.container)).healthy:
        if now.status in ("exited", "dead", "absent") or now.health == "unhealthy":
            raise BackupError(
                service.container, f"did not come up ({now.status} {now.health}, exit code {now.code})", _logs(service)
            )
        if time.monotonic() >= end:
            raise BackupError(
                service.container, f"not healthy within {seconds:g} seconds ({now.status} {now.health})", _logs(service)
            )
        time.sleep(PAUSE)


def _logs(service: Service) -> str:
    return f"docker logs {service.container}"
