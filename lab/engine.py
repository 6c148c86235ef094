"""Finds the machine's engine, or starts one and remembers that it did."""

import contextlib
import os
import signal
import time
from pathlib import Path

from lab.docker import Docker, find_docker
from lab.errors import LabError
from lab.paths import LabPaths
from lab.run import as_root, have, run

RUN_DIR = Path("/var/run")
START_SECONDS = 90
STOP_SECONDS = 90


def process_name(pid: int) -> str:
    """The name of a living process, or an empty text."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] == "Z" else name


def living(pid_file: Path, name: str) -> int | None:
    """The process that a pid file names, provided it lives and is what it should be."""
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return None
    return pid if process_name(pid) == name else None


def stale_pid_files(paths: LabPaths, run_dir: Path = RUN_DIR) -> list[Path]:
    """Pid files that a killed engine left behind and that would keep a new one from starting."""
    candidates = {
        paths.engine_pid: "dockerd",
        run_dir / "docker.pid": "dockerd",
        run_dir / "docker" / "containerd" / "containerd.pid": "containerd",
    }
    return [path for path, name in candidates.items() if path.exists() and living(path, name) is None]


def ensure(paths: LabPaths) -> tuple[Docker, str]:
    """An engine that answers, and how it was come by."""
    docker = find_docker()
    if docker:
        return docker, "answers"
    if living(RUN_DIR / "docker.pid", "dockerd") is None and living(paths.engine_pid, "dockerd") is None:
        _start(paths)
    docker = _await_answer(paths)
    return docker, "started" if started_by_lab(paths) else "answers"


def _start(paths: LabPaths) -> None:
    if not have("dockerd"):
        raise LabError("no Docker engine answers and dockerd is not installed", "install docker.io or start Docker")
    paths.engine_log.parent.mkdir(parents=True, exist_ok=True)
    for path in stale_pid_files(paths):
        run(as_root(["rm", "-f", str(path)]))
    command = f'exec setsid --fork dockerd --pidfile "{paths.engine_pid}" >>"{paths.engine_log}" 2>&1 </dev/null'
    search = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    run(as_root(["env", f"PATH={search}", "sh", "-c", command]))


def _await_answer(paths: LabPaths) -> Docker:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        docker = find_docker()
        if docker:
            return docker
        time.sleep(0.5)
    tail = paths.engine_log.read_text(errors="replace").splitlines()[-8:] if paths.engine_log.exists() else []
    raise LabError(
        "the Docker engine does not answer:\n  " + "\n  ".join(tail),
        f"read {paths.engine_log}, end a dockerd that hangs, then run `estate lab up` again",
    )


def started_by_lab(paths: LabPaths) -> bool:
    """True when the engine that runs was started by this checkout's lab."""
    return living(paths.engine_pid, "dockerd") is not None


def stop(paths: LabPaths) -> bool:
    """End the engine that the lab started and wait for its end; False when there is none."""
    pid = living(paths.engine_pid, "dockerd")
    if pid is None:
        return False
    _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while process_name(pid) == "dockerd":
        if time.monotonic() > deadline:
            raise LabError(f"the engine (process {pid}) does not end", f"read {paths.engine_log}")
        time.sleep(0.2)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        try:
            os.kill(pid, number)
        except PermissionError:
            run(as_root(["kill", f"-{number.name.removeprefix('SIG')}", str(pid)]))
