"""What the image build asks of the outer engine."""

from __future__ import annotations

from collections.abc import Sequence

from lab.docker import LABEL, Docker, find_docker
from lab.errors import LabError
from lab.run import run

HASH_LABEL = "estate.lab.hash"


def docker() -> Docker:
    """Find the engine; an engine is there by the time images are wanted."""
    found = find_docker()
    if found is None:
        raise LabError("no Docker engine answers", "run `estate lab up`, which starts one")
    return found


def present(engine: Docker) -> set[str]:
    """Name every tagged image the engine has, as repository:tag."""
    return set(engine.lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}"))


def build(engine: Docker, tag: str, context: bytes) -> None:
    """Build a context tar; the tag appears only when the whole build succeeded."""
    options = ["--quiet", "--force-rm", "--network", "none", "--label", f"{LABEL}=image", "--tag", tag]
    # The classic builder: it needs no buildx, and is told through the environment (which sudo clears).
    command = ["env", "DOCKER_BUILDKIT=0", "docker", "build", *options, "-"]
    run([*engine.prefix[:-1], *command], stdin=context)


def import_rootfs(engine: Docker, tag: str, producer: Sequence[str], changes: Sequence[str]) -> None:
    """Import the root filesystem which a command writes as a one-layer image."""
    options = [part for change in changes for part in ("--change", change)]
    engine.run("tag", engine.import_stream(list(producer), options), tag)


def push(engine: Docker, local: str, remote: str) -> None:
    """Push an image under another name, and drop that name afterwards."""
    engine.run("tag", local, remote)
    try:
        engine.run("push", "--quiet", remote)
    finally:
        engine.run("image", "rm", "--no-prune", remote)


def drop_older(engine: Docker, wanted: set[str]) -> None:
    """Remove earlier builds of the lab's images."""
    for tag in present(engine):
        if tag.startswith("estate-lab/img-") and tag not in wanted:
            engine.run("image", "rm", tag, check=False)
