"""Containers of drills and of data that are built: the services' real images, on their own, gone afterwards.

They reach nobody: an internal network (or none), no published port, no capability but the declared ones, a bounded
share of the host. All have a label, by which whatever a killed drill left is found and removed by the next one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from estate_backup import proc, restore_env, state
from estate_backup.config import Config, Service
from estate_backup.errors import BackupError
from estate_backup.restore_docker import SHORT, STOPPING, docker, execute, probe_words, wait_for_health
from estate_backup.restore_docker import state as state_of
from estate_backup.restore_swap import remove

LABEL = "estate.drill=1"
HEALTHY_WITHIN = 180.0
MEMORY, CPUS, PIDS, TMPFS = "512m", 1.0, 256, "mode=1777,size=64m"


class Scratch:
    """Some containers on a network of their own; leaving it removes them all.

    + keys: of the set, by name; they count before Compose's .env, so that data and keys of a set are proven together
    + network: False: the containers have none at all
    """

    def __init__(self, config: Config, keys: Mapping[str, str], network: bool = True) -> None:
        self._config, self._keys = config, keys
        self._network = f"estate-drill-{os.getpid()}" if network else "none"
        self._own_network = network
        self._started: list[str] = []
        self._secrets: dict[str, str] = dict(keys)

    def __enter__(self) -> Scratch:
        if self._own_network:
            docker("network", "create", "--internal", "--label", LABEL, self._network)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        faults = []
        for name in reversed(self._started):
            try:
                self._remove(name)
            except BackupError as fault:
                faults.append(fault)
        if self._own_network:
            try:
                docker("network", "rm", self._network)
            except BackupError as fault:
                faults.append(fault)
        if faults and value is None:
            raise faults[0]

    def container(self, service: Service) -> str:
        """The name of a service's container here."""
        return f"drill-{service.name}"

    def start(self, service: Service, mounts: Mapping[str, Path], extra: Sequence[str] = ()) -> str:
        """Start a service's real image on these data and return the container's name; it is not awaited.

        + mounts: directory in the container → on the host, writable
        + extra: further words of its command

        Raises BackupError: a missing image is never pulled.
        """
        name = self.container(service)
        if name in self._started:
            self.stop(service)
        values = restore_env.environment(service, {**self._dotenv(service), **self._keys})
        self._secrets |= values
        folder = self._config.work
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        listing = folder / f".{name}.env"
        remove(listing)
        self._started.append(name)
        try:
            state.write(listing, restore_env.env_file(values), 0o600)
            docker("run", *self._options(service, name, mounts, listing), *_program(service, extra), timeout=STOPPING)
        except BackupError as fault:
            text = restore_env.redacted(fault.fault, self._secrets)
            remedy = f"the image {service.image} must be on the host" if "image" in text.lower() else ""
            raise BackupError(name, text, remedy) from None
        finally:
            remove(listing)
        return name

    def _options(self, service: Service, name: str, mounts: Mapping[str, Path], listing: Path) -> list[str]:
        drill = service.drill
        options = ["--detach", "--name", name, "--label", LABEL, "--pull", "never", "--restart", "no"]
        options += ["--network", self._network]
        if self._own_network:
            options += ["--hostname", service.name]
            for alias in (service.name, *(drill.get("aliases") or ())):
                options += ["--network-alias", alias]
        options += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        for capability in drill.get("cap_add") or ():
            options += ["--cap-add", capability]
        memory = str(drill.get("memory") or MEMORY)
        options += ["--memory", memory, "--memory-swap", memory]
        options += ["--cpus", str(drill.get("cpus") or CPUS), "--pids-limit", str(drill.get("pids") or PIDS)]
        options += ["--no-healthcheck", "--log-driver", "json-file", "--log-opt", "max-size=1m"]
        options += ["--user", service.user] if service.user else []
        options += ["--read-only"] if drill.get("read_only", True) else []
        options += ["--shm-size", str(drill["shm_size"])] if drill.get("shm_size") else []
        for path in drill.get("tmpfs") or ():
            options += ["--tmpfs", path if ":" in path else f"{path}:{TMPFS}"]
        for target, source in mounts.items():
            options += ["--mount", f"type=bind,source={source},target={target}"]
        for key, inside in (("config", drill.get("config_target")), ("secrets", "/run/secrets")):
            if drill.get(key) and inside:
                options += ["--mount", f"type=bind,source={drill[key]},target={inside},readonly"]
        options += ["--env-file", str(listing)]
        if entrypoint := drill.get("entrypoint"):
            options += ["--entrypoint", entrypoint[0]]
        return options

    def _dotenv(self, service: Service) -> dict[str, str]:
        if not any("${" in str(text) for text in (service.drill.get("environment") or {}).values()):
            return {}
        return restore_env.read(self._config.root / "compose" / ".env")

    def wait(self, service: Service) -> None:
        """Wait until the declared check passes in it. Raises BackupError with its last words, without secrets."""
        name = self.container(service)
        try:
            test = service.drill.get("health") or ()
            wait_for_health(name, test, float(service.drill.get("timeout") or HEALTHY_WITHIN))
        except BackupError as fault:
            _, out, said = proc.status_of(["docker", "logs", "--tail", "3", name], timeout=SHORT)
            last = " / ".join(line for line in (*out.splitlines()[-3:], said) if line)
            text = f"{fault.fault}; it said last: {last}" if last else fault.fault
            raise BackupError(name, restore_env.redacted(text, self._secrets)[:900], fault.remedy) from None

    def execute(self, service: Service, argv: Sequence[str], stdin: str | None = None, secret: bool = False) -> str:
        """Run a command in a service's container. Raises BackupError without the secrets that are known here."""
        try:
            return execute(self.container(service), argv, stdin, secret=secret)
        except BackupError as fault:
            raise BackupError(fault.path, restore_env.redacted(fault.fault, self._secrets), fault.remedy) from None

    def probe(self, service: Service) -> str:
        """Run the declared probe and return what it wrote. Raises BackupError when it fails: nothing is proven."""
        return restore_env.redacted(self.execute(service, probe_words(service)).strip(), self._secrets)[:200]

    def stop(self, service: Service) -> None:
        """Stop it in peace (a database ends its work) and remove it. Raises BackupError when it did not end well."""
        name = self.container(service)
        docker("stop", "-t", "120", name, timeout=STOPPING)
        code = state_of(name).code
        self._remove(name)
        # 143 and 130 are SIGTERM and SIGINT, which not every program turns into 0
        if code not in (0, 130, 143):
            raise BackupError(name, f"ended with exit code {code}", "its data may be incomplete")

    def drop(self, service: Service) -> None:
        """Remove it, whatever it does; its data are not looked at again."""
        self._remove(self.container(service))

    def _remove(self, name: str) -> None:
        docker("rm", "--force", "--volumes", name, timeout=STOPPING)
        with contextlib.suppress(ValueError):
            self._started.remove(name)


def _program(service: Service, extra: Sequence[str]) -> list[str]:
    return [service.image, *(service.drill.get("entrypoint") or [])[1:], *(service.drill.get("command") or ()), *extra]


def clean(config: Config) -> None:
    """Remove what a drill left that could not end: containers, networks, data. Call it with the lock held."""
    for name in docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}").split():
        docker("rm", "--force", "--volumes", name, timeout=STOPPING)
    for name in docker("network", "ls", "--quiet", "--filter", f"label={LABEL}").split():
        docker("network", "rm", name)
    for path in (folder(config), *config.work.glob(".drill-*.env")):
        remove(path)


def folder(config: Config) -> Path:
    """Where the data of drills lie."""
    return config.work / "drill"
