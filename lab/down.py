"""`estate lab down`: removes everything that `up` made, and nothing else."""

import shutil

from lab import containers, engine, fleet
from lab.docker import LABEL, Docker, find_docker
from lab.hosts import NETWORK
from lab.parallel import parallel
from lab.paths import CACHE, LabPaths
from lab.progress import Progress
from lab.run import as_root, run
from lab.services import PUSH_TO


def down(paths: LabPaths, progress: Progress, keep_images: bool) -> None:
    """Remove the lab; `keep_images` leaves the images, what they are made of, the registry's storage and the engine."""
    docker = find_docker()
    if docker is None and not keep_images and paths.engine_pid.exists():
        progress.console.print("the engine does not answer: it is started to remove what it holds", markup=False)
        docker, _ = engine.ensure(paths)
    fleet.leave(paths)
    if docker:
        _containers(docker, progress)
        _volumes(docker, progress, keep_images)
        if not keep_images:
            _images(docker, progress)
    if not keep_images:
        with progress.step("Docker engine") as step:
            step.done("ended" if engine.stop(paths) else "not started by this lab, left alone")
    _state(paths, progress, keep_images)


def _containers(docker: Docker, progress: Progress) -> None:
    with progress.step("Containers and network") as step:
        names = list(containers.existing(docker))
        parallel(lambda name: docker.run("rm", "--force", "--volumes", name), names)
        docker.run("network", "rm", NETWORK, check=False)
        step.done(f"{len(names)} removed")


def _volumes(docker: Docker, progress: Progress, keep_images: bool) -> None:
    with progress.step("Volumes") as step:
        names = docker.lines("volume", "ls", "--quiet", "--filter", f"name=^{NETWORK}-")
        names = [name for name in names if not (keep_images and name == f"{NETWORK}-registry")]
        if names:
            docker.run("volume", "rm", "--force", *names)
        step.done(f"{len(names)} removed")


def own_images(rows: list[str], labelled: set[str]) -> list[str]:
    """Of rows `id name`, the names of the lab's images: by their label, or by where they are pushed."""
    prefixes = ("estate-lab/", f"{PUSH_TO}/")
    owned = labelled | {row.split()[0] for row in rows if row.split()[1].startswith(prefixes)}
    return sorted({row.split()[1] for row in rows if row.split()[0] in owned})


def _images(docker: Docker, progress: Progress) -> None:
    with progress.step("Images") as step:
        labelled = set(docker.lines("image", "ls", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}"))
        rows = docker.lines("image", "ls", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")
        names = own_images(rows, labelled)
        tagged = [name for name in names if not name.endswith(":<none>")]
        if tagged:
            docker.run("rmi", "--force", *tagged, check=False)
        docker.run("image", "prune", "--force", "--filter", f"label={LABEL}", check=False)
        step.done(f"{len(tagged)} removed")


def _state(paths: LabPaths, progress: Progress, keep_images: bool) -> None:
    with progress.step(f"State in {paths.root}") as step:
        kept = {paths.engine_pid.parent, paths.lock} if keep_images else {paths.lock}
        for path in sorted(paths.root.iterdir()) if paths.root.exists() else []:
            if path not in kept:
                path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
                if path.exists():
                    run(as_root(["rm", "-rf", str(path)]))
        if not keep_images:
            shutil.rmtree(paths.root, ignore_errors=True)
            shutil.rmtree(CACHE, ignore_errors=True)
        step.done("removed")
