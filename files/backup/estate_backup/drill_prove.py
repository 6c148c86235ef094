"""The services of a drill, one after another: built, started with all that they depend on, proven, and let go.

A service without data of its own (Infisical) is started on the restored data of those that it depends on, and what its
probe shows counts for them: that a secret can be decrypted is the proof of the database that holds it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from estate_backup import evidence, restore_plan, restore_servers, scratch
from estate_backup.config import Config, Service
from estate_backup.errors import BackupError
from estate_backup.evidence import Finding
from estate_backup.restore_build import Job
from estate_backup.restore_plan import Root, Step
from estate_backup.restore_swap import prepare, remove
from estate_backup.scratch import Scratch


@dataclass
class Proof:
    """What a drill showed of one service; `seconds` are those of its build, start and proof."""

    service: str
    finding: Finding = field(default_factory=Finding)
    seconds: float = 0


class Drill:
    """The containers and data of one drill; leaving it removes them."""

    def __init__(self, config: Config, steps: Sequence[Step], spool: Path, keys: Mapping[str, str]) -> None:
        self._config, self._spool, self._keys = config, spool, keys
        self._steps = {step.service.name: step for step in steps}
        self._scratch = Scratch(config, keys)
        self._jobs: dict[str, Job] = {}
        self._up: list[str] = []
        self._proofs = {name: Proof(name) for name in self._steps}

    def __enter__(self) -> Drill:
        scratch.folder(self._config).mkdir(parents=True, mode=0o700)
        self._scratch.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._scratch.__exit__(kind, value, at)

    def prove(self) -> list[Proof]:
        """Prove every service of the set; one that fails does not stop the others, but those that depend on it."""
        pending = [service.name for service in restore_plan.ordered(self._config, [*self._steps, *self._witnesses()])]
        while pending:
            name = pending.pop(0)
            started = time.monotonic()
            finding = self._one(self._config.service(name))
            for proof in self._concerned(name):
                proof.finding += finding
                proof.seconds = round(proof.seconds + time.monotonic() - started, 1)
            self._let_go(pending)
        return list(self._proofs.values())

    def _witnesses(self) -> list[str]:
        """The services without data of their own that say something of restored ones."""
        return [
            service.name
            for service in self._config.services
            if not service.parts
            and service.probe
            and service.image
            and set(service.depends) & self._steps.keys()
            # of one whose data were not asked for, it would tell nothing
            and all(
                each.name in self._steps or not each.parts
                for each in restore_plan.with_dependencies(self._config, service.name)
            )
        ]

    def _concerned(self, name: str) -> Iterator[Proof]:
        for each in [name] if name in self._proofs else self._config.service(name).depends:
            if each in self._proofs:
                yield self._proofs[each]

    def _one(self, service: Service) -> Finding:
        try:
            finding = Finding()
            if step := self._steps.get(service.name):
                job = Job(self._config, step, self._places(step), self._spool, self._keys)
                self._jobs[service.name] = job
                finding = restore_servers.build_service(job)
            if finding.faults or not service.image or not service.drill.get("start", True):
                return finding
            return finding + self._proven(service)
        except (BackupError, OSError) as fault:
            return evidence.fault(str(fault))

    def _proven(self, service: Service) -> Finding:
        """Start a service after what it depends on, and ask it."""
        for each in restore_plan.with_dependencies(self._config, service.name):
            if each.name in self._up:
                continue
            if each.name != service.name and each.parts:
                raise BackupError(service.name, f"{each.name}, which it depends on, is not there", "")
            self._scratch.start(each, self._mounts(each))
            self._scratch.wait(each)
            self._up.append(each.name)
        finding = evidence.proof(f"{service.name} is healthy on it")
        if job := self._jobs.get(service.name):
            finding += restore_servers.running(job, lambda argv, stdin: self._scratch.execute(service, argv, stdin))
        if service.probe:
            said = self._scratch.probe(service)
            finding += evidence.proof(f"the probe of {service.name} passed" + (f": {said}" if said else ""))
        return finding

    def _places(self, step: Step) -> dict[Path, Path]:
        return {root.live: self._place(step.service, root.live) for root in step.roots}

    def _place(self, service: Service, live: Path) -> Path:
        folder = scratch.folder(self._config) / service.name
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder / str(live).strip("/").replace("/", "-")

    def _mounts(self, service: Service) -> dict[str, Path]:
        """Its data directories: the built ones, and empty ones for what no set has."""
        job = self._jobs.get(service.name)
        found = dict(job.mounts()) if job else {}
        for target, live in service.data.items():
            if target not in found:
                found[target] = self._place(service, Path(live))
                prepare(Root(Path(live), ()), found[target], service)
        return found

    def _let_go(self, pending: Sequence[str]) -> None:
        """Stop and remove what nobody needs any more, data too: a host has no room for everything twice at once."""
        needed = {each.name for name in pending for each in restore_plan.with_dependencies(self._config, name)}
        for name in [name for name in reversed(self._up) if name not in needed]:
            self._scratch.drop(self._config.service(name))
            self._up.remove(name)
        for name in [name for name in self._jobs if name not in needed]:
            remove(scratch.folder(self._config) / name)
            del self._jobs[name]
