"""Checks of the homelab's public edge: what its services may take, and that its ports and routes meet (pure)."""

from collections.abc import Iterator

from estate.models.base import format_size
from estate.models.faults import Fault
from estate.models.host import VpsHost
from estate.models.stack import Stack


def check(host: VpsHost, stack: Stack, where: str) -> list[Fault]:
    """Every fault of a VPS; `where` begins their paths."""
    return [*_budget(host, stack, where), *_networks(stack, where), *_pangolin(host, stack, where)]


def _budget(host: VpsHost, stack: Stack, where: str) -> Iterator[Fault]:
    limits = [service.limits for service in stack.containers if service.limits]
    memory, cpus = sum(item.memory for item in limits), sum(item.cpus for item in limits)
    reserve, has = host.reserve, host.resources
    if memory > has.memory - reserve.memory:
        fault = (
            f"limits of {format_size(memory)} in all, but {host.name} has {format_size(has.memory)}, "
            f"of which {format_size(reserve.memory)} are the system's"
        )
        yield Fault(f"{where}/services", fault, "lower limits, take services out, or change `reserve`")
    if cpus > has.cpus - reserve.cpus:
        kept = f", of which {reserve.cpus:g} are the system's" if reserve.cpus else ""
        fault = f"limits of {cpus:g} CPUs in all, but {host.name} has {has.cpus:g}{kept}"
        yield Fault(f"{where}/services", fault, "lower limits, take services out, or change `reserve`")


def _networks(stack: Stack, where: str) -> Iterator[Fault]:
    for service in stack.containers:
        path = f"{where}/services/{service.name}/network_of"
        if service.network_of and service.network_of not in stack:
            yield Fault(path, f"{service.network_of} is not a service here", "add it")
        if service.network_of and service.published:
            yield Fault(path, "it publishes ports, which are its neighbour's to publish", "publish them there")


def _pangolin(host: VpsHost, stack: Stack, where: str) -> Iterator[Fault]:
    settings = host.pangolin
    if settings is None:
        if "pangolin" in stack:
            yield Fault(
                f"{where}/pangolin", "missing", "pangolin is among the services: give it domain and admin_email"
            )
        return
    if "traefik" in stack and host.tls is None:
        yield Fault(f"{where}/tls", "missing", "traefik is among the services: say where certificates come from")
    open_ = {(p.host, p.protocol) for service in stack.containers for p in service.published}
    for raw in settings.raw:
        if (raw.port, raw.protocol) not in open_:
            fault = f"no service publishes {raw.port}/{raw.protocol}"
            yield Fault(f"{where}/pangolin/raw", fault, "publish it on gerbil: Traefik's ports are that one's")
