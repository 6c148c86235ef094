"""Bring a registry to hold every image of the lab: build what is missing, push what differs."""

from __future__ import annotations

from collections.abc import Callable

from lab.docker import Docker
from lab.images import base, engine
from lab.images.layer import Layer
from lab.images.real import layers as real_layers
from lab.images.registry import Registry, repository
from lab.images.standin import layers as standin_layers
from lab.images.table import TABLE


def all_layers() -> dict[str, Layer]:
    """Give every image's layer by the name it has in the table."""
    return {layer.name: layer for layer in (*real_layers(), *standin_layers())}


def base_tag() -> str:
    """Name the base image in the outer engine."""
    return f"estate-lab/img-base:{base.recipe_hash()}"


def build_missing(docker: Docker, wanted: list[Layer], progress: Callable[[str], None]) -> None:
    """Build those images which the outer engine lacks, and the base when any is missing."""
    if not wanted:
        return
    have, base_image = engine.present(docker), base_tag()
    missing = [layer for layer in wanted if layer.tag not in have]
    if missing and base_image not in have:
        progress("base: bootstrapping Debian (about a minute)")
        base.build_base(docker, base_image)
    for layer in missing:
        progress(f"{layer.name}: building {layer.tag}")
        engine.build(docker, layer.tag, layer.context(base_image))


def ensure(registry: str, progress: Callable[[str], None], homelab: bool = True) -> None:
    """Build and push what the registry at host:port lacks; do nothing for what it has.

    + homelab: also what only hosts of the `full` profile run

    Safe to interrupt and run again: a tag appears, in the engine and in the registry, only when its
    image is complete.
    """
    remote, docker = Registry(registry), engine.docker()
    layers = all_layers()
    wanted = [(image, layers[image.name]) for image in TABLE if homelab or not image.homelab]
    absent = [(image, layer) for image, layer in wanted if remote.hash_of(image.ref) != layer.hash]
    build_missing(docker, [layer for _, layer in absent], progress)
    for image, layer in absent:
        path, tag = repository(image.ref)
        progress(f"{image.name}: pushing {path}:{tag}")
        engine.push(docker, layer.tag, f"{registry}/{path}:{tag}")
    if absent:
        engine.drop_older(docker, {base_tag(), *(layer.tag for layer in layers.values())})
    progress(f"images: {len(absent)} pushed, {len(wanted) - len(absent)} already there")
