"""state/restoring.json: how far a restore is, on the disk before each step, so that the next one can go on.

It is there from the first change of live data to the last proof. Backups refuse to run meanwhile: half a service must
not become the newest set.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from estate_backup import state
from estate_backup.config import Config
from estate_backup.errors import BackupError
from estate_backup.report import iso

BUILDING, SWAPPING, PROVEN = "building", "swapping", "proven"


class Journal:
    """What restoring.json says. `service` is the one at work, `phase` how far it is."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self._path, self._content = path, content

    @classmethod
    def read(cls, config: Config) -> Journal | None:
        """The unfinished restore; None when there is none."""
        path = config.state / state.RESTORING
        content = state.load(path)
        return cls(path, content) if content else None

    @classmethod
    def begin(
        cls, config: Config, identity: str, store: str, services: Iterable[str], safety: str, unsaved: Iterable[str]
    ) -> Journal:
        """Start one.

        + safety: the id of the set of what was there before; "": there is none
        + unsaved: the services that it does not have, whose old data therefore stay
        """
        content: dict[str, Any] = {
            "set": identity,
            "store": store,
            "services": list(services),
            "done": [],
            "started": iso(time.time()),
        }
        content |= {"safety": safety, "unsaved": list(unsaved), "current": None}
        made = cls(config.state / state.RESTORING, content)
        made._write()
        return made

    def _write(self) -> None:
        state.save(self._path, self._content)

    @property
    def set(self) -> str:
        """The set's id."""
        return str(self._content["set"])

    @property
    def store(self) -> str:
        """The store that it comes from."""
        return str(self._content["store"])

    @property
    def services(self) -> tuple[str, ...]:
        """All services that it is for."""
        return tuple(self._content["services"])

    @property
    def done(self) -> tuple[str, ...]:
        """Those that are proven."""
        return tuple(self._content["done"])

    @property
    def safety(self) -> str:
        """The id of the set of what was there before."""
        return str(self._content["safety"])

    @property
    def unsaved(self) -> tuple[str, ...]:
        """The services whose old data stay."""
        return tuple(self._content["unsaved"])

    @property
    def current(self) -> dict[str, Any]:
        """The service at work: name, phase, roots (path → were there old data), stopped (services); {} between two."""
        return self._content.get("current") or {}

    def work_on(self, service: str, roots: dict[str, bool], stopped: Iterable[str]) -> None:
        """A service's new data are to be built; `stopped` will be stopped for it and ran until now."""
        current = {"service": service, "phase": BUILDING, "roots": roots, "stopped": list(stopped)}
        self._content["current"] = current
        self._write()

    def phase(self, phase: str) -> None:
        """The service at work comes to a phase."""
        self.current["phase"] = phase
        self._write()

    def rest(self) -> None:
        """No service is at work: the last one was put back."""
        self._content["current"] = None
        self._write()

    def finish(self) -> None:
        """The service at work is done."""
        self._content["done"].append(self.current["service"])
        self.rest()

    def end(self) -> None:
        """Nothing is half-way any more."""
        self._path.unlink(missing_ok=True)
        state.sync(self._path.parent)


def must_match(journal: Journal, identity: str) -> None:
    """Raises BackupError when the unfinished restore is of another set."""
    if journal.set != identity:
        raise BackupError(
            f"set {identity}",
            f"a restore of {journal.set} is unfinished",
            f"finish it first: estate-backup restore {journal.set} --to live --confirm HOST; or estate-backup abandon",
        )
