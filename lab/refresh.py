"""Drops images that a host's engine pulled before their lab version was rebuilt under the same name."""

from lab.docker import Docker
from lab.hosts import LabHost
from lab.images.ensure import all_layers
from lab.images.table import TABLE

_LABEL = "estate.lab.hash"


def _short(reference: str) -> str:
    return reference.removeprefix("docker.io/library/").removeprefix("docker.io/")


def stale_images(docker: Docker, host: LabHost) -> list[str]:
    """References whose image in the host's engine is not the one that the registry has now."""
    layers = all_layers()
    wanted = {_short(image.ref): layers[image.name].hash for image in TABLE}
    script = (
        "for ref; do printf '%s %s\\n' \"$ref\" "
        f'"$(docker image inspect --format \'{{{{index .Config.Labels "{_LABEL}"}}}}\' "$ref" 2>/dev/null)"; done'
    )
    result = docker.exec(host.container, "sh", "-c", script, "sh", *wanted, check=False)
    pairs = (line.partition(" ") for line in result.stdout.splitlines())
    return [reference for reference, _, found in pairs if found and found != wanted[reference]]


def refresh(docker: Docker, host: LabHost) -> int:
    """Remove stale images with their containers, so that the next deploy pulls and creates them anew."""
    stale = stale_images(docker, host)
    for reference in stale:
        containers = docker.exec(
            host.container, "docker", "ps", "-aq", "--filter", f"ancestor={reference}"
        ).stdout.split()
        if containers:
            docker.exec(host.container, "docker", "rm", "-f", *containers)
        docker.exec(host.container, "docker", "image", "rm", "-f", reference)
    return len(stale)
