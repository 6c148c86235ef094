"""Drops images that a host's engine pulled before their lab version was rebuilt under the same name."""

from collections.abc import Callable, Iterable
from functools import partial

from lab.docker import Docker
from lab.hosts import LabHost
from lab.images.ensure import all_layers
from lab.images.table import TABLE
from lab.proxmox import guests, nodes

_LABEL = "estate.lab.hash"


def _short(reference: str) -> str:
    return reference.removeprefix("docker.io/library/").removeprefix("docker.io/")


Exec = Callable[..., str]
"""Runs a command on a host, and gives what it printed."""


def engines(docker: Docker, hosts: Iterable[LabHost]) -> dict[str, Exec]:
    """A way into every host that has an engine, machines and containers on Proxmox nodes alike."""
    wanted = [host for host in hosts if host.needs_engine]

    def into(container: str) -> Exec:
        return lambda *argv: docker.exec(container, *argv, check=False).stdout

    found = {host.name: into(host.container) for host in wanted if host.is_machine}
    inside = guests(docker, {host.container for host in nodes()}) if len(found) < len(wanted) else []
    return found | {guest.host.name: partial(guest.exec, docker) for guest in inside if guest.host in wanted}


def stale_images(on_host: Exec) -> list[str]:
    """References whose image in the host's engine is not the one that the registry has now."""
    layers = all_layers()
    wanted = {_short(image.ref): layers[image.name].hash for image in TABLE}
    script = (
        "for ref; do printf '%s %s\\n' \"$ref\" "
        f'"$(docker image inspect --format \'{{{{index .Config.Labels "{_LABEL}"}}}}\' "$ref" 2>/dev/null)"; done'
    )
    printed = on_host("sh", "-c", script, "sh", *wanted)
    pairs = (line.partition(" ") for line in printed.splitlines())
    return [reference for reference, _, found in pairs if found and found != wanted[reference]]


def refresh(on_host: Exec) -> int:
    """Remove stale images with their containers, so that the next deploy pulls and creates them anew."""
    stale = stale_images(on_host)
    for reference in stale:
        containers = on_host("docker", "ps", "-aq", "--filter", f"ancestor={reference}").split()
        if containers:
            on_host("docker", "rm", "-f", *containers)
        on_host("docker", "image", "rm", "-f", reference)
    return len(stale)
