"""Checks across the services of a stack: what no single declaration can see."""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from ipaddress import IPv4Network

from estate.checks import backup as backup_checks
from estate.models.base import format_size
from estate.models.faults import Fault, did_you_mean
from estate.models.host import MainframeHost, StackHost
from estate.models.secret import SecretSpec
from estate.models.stack import Stack
from estate.render.compose import secrets_in


def check(host: StackHost, stack: Stack, where: str) -> list[Fault]:
    """Every fault of the stack on this host; `where` begins their paths."""
    return [
        *_duplicates(host, where),
        *_ports(stack, where),
        *_routes(host, stack, where),
        *_dependencies(stack, where),
        *_limits(host, stack, where),
        *_data(stack, where),
        *_secrets(stack, where),
        *_releases(stack, where),
        *_networks(host, stack, where),
        *_headscale(host, stack, where),
        *_secret_store(host, stack, where),
        *backup_checks.check(host, stack, where),
    ]


def across(stacks: Mapping[str, Stack], where: Mapping[str, str]) -> list[Fault]:
    """What is wrong between stacks: a secret that two of them share must be the same one.

    + where: by host, what the faults' paths begin with
    """
    first: dict[str, tuple[str, SecretSpec]] = {}
    faults = []
    for host, stack in stacks.items():
        for name, spec in stack.secrets().items():
            other, known = first.setdefault(name, (host, spec))
            if spec != known:
                fault = f"declares {name} in another way than {other} does"
                faults.append(Fault(f"{where[host]}/services", fault, "share one declaration"))
    return faults


def _duplicates(host: StackHost, where: str) -> Iterator[Fault]:
    for name in sorted({n for n in host.services if host.services.count(n) > 1}):
        yield Fault(f"{where}/services/{name}", "is named twice", "name it once")


def _ports(stack: Stack, where: str) -> Iterator[Fault]:
    taken: dict[tuple[int, str], str] = {}
    for service in stack.containers:
        bound = [(p.host, p.protocol) for p in service.published]
        if service.host_network and service.port:
            bound.append((service.port, "tcp"))
        for port, protocol in bound:
            if other := taken.get((port, protocol)):
                yield Fault(
                    f"{where}/services/{service.name}/ports",
                    f"{port}/{protocol} is also taken by {other}",
                    "choose another port",
                )
            taken.setdefault((port, protocol), service.name)


def _routes(host: StackHost, stack: Stack, where: str) -> Iterator[Fault]:
    taken: dict[str, str] = {}
    for service, route, _ in stack.routes():
        path = f"{where}/services/{service.name}/route/host"
        if other := taken.get(route.host):
            yield Fault(path, f'"{route.host}" is also used by {other}', "choose another host")
        taken.setdefault(route.host, service.name)
        if service.port is None and route.files is None:
            yield Fault(path, "a route needs a port to send requests to", "declare the service's port")
    # A host without certificates of its own is behind the VPS, which serves its routes
    if taken and "caddy" not in stack and host.tls is not None:
        yield Fault(f"{where}/services", f"{len(taken)} routes but no caddy to serve them", "add caddy")
    if "caddy" in stack and host.tls is None:
        yield Fault(f"{where}/tls", "missing", "caddy is among the services: say where certificates come from")


def _dependencies(stack: Stack, where: str) -> Iterator[Fault]:
    provided = {alias: s.name for s in stack.services for alias in (s.name, *s.aliases)}
    graph: dict[str, set[str]] = {}
    for service in stack.services:
        for name in service.depends_on:
            if name not in provided:
                remedy = f"add it, or {did_you_mean(name, provided)}"
                yield Fault(f"{where}/services/{service.name}/depends_on", f"{name} is not a service here", remedy)
        graph[service.name] = {provided[name] for name in service.depends_on if name in provided}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        yield Fault(f"{where}/services", f"dependency cycle {circle}", "take one of these out")


def _limits(host: StackHost, stack: Stack, where: str) -> Iterator[Fault]:
    total, cpus = 0, 0.0
    for service in stack.containers:
        path = f"{where}/services/{service.name}/limits"
        if service.limits is None:
            yield Fault(path, "missing", "give it limits: without them one service can starve all others")
            continue
        total += service.limits.memory
        cpus += service.limits.cpus
        if service.limits.cpus > host.resources.cpus:
            fault = f"{service.limits.cpus:g} CPUs, but {host.name} has {host.resources.cpus:g}"
            yield Fault(f"{path}/cpus", fault, "lower the limit")
    if total > host.resources.memory:
        fault = f"limits of {format_size(total)} in all, but {host.name} has {format_size(host.resources.memory)}"
        yield Fault(f"{where}/services", fault, "lower limits, or take services out")

    if cpus > host.resources.cpus and not isinstance(host, MainframeHost):
        fault = f"limits of {cpus:g} CPUs in all, but {host.name} has {host.resources.cpus:g}"
        yield Fault(f"{where}/services", fault, "lower limits: what it has is an allotment, and it keeps within it")


def _data(stack: Stack, where: str) -> Iterator[Fault]:
    owners: dict[str, tuple[str, str]] = {}
    for service in stack.containers:
        for data in service.data:
            owner = (data.owner or service.user).split(":")[0]
            other = owners.setdefault(data.path, (owner, service.name))
            if other[0] != owner:
                fault = f"shared by uid {owner} and by {other[1]}'s uid {other[0]}"
                yield Fault(f"{where}/services/{service.name}/data/{data.path}", fault, "give each its own directory")


def _secrets(stack: Stack, where: str) -> Iterator[Fault]:
    for service in stack.services:
        declared = {spec.name for spec in service.secrets}
        for name in secrets_in(service):
            if name not in declared:
                fault = f"the environment names {name}, which the service does not declare"
                yield Fault(
                    f"{where}/services/{service.name}/secrets",
                    fault,
                    "declare it: consumers are derived from this",
                )
        files = {item.secret: item for item in service.secret_files}
        where_ = f"{where}/services/{service.name}"
        for name in sorted(set(files) - declared):
            yield Fault(f"{where_}/secret_files", f"{name} is not declared", "declare it among the secrets")
        for credential in service.credentials:
            if credential.secret not in declared:
                yield Fault(f"{where_}/credentials", f"{credential.secret} is not declared", "declare it")
            elif credential.change and getattr(files.get(credential.secret), "text", "") != "{value}":
                remedy = "take the secret as a file: `change` reads it from there"
                yield Fault(f"{where_}/credentials", f"{credential.secret} is no file of its own", remedy)
    for name in stack.secrets():
        specs = {spec.model_dump_json() for s in stack.services for spec in s.secrets if spec.name == name}
        if len(specs) > 1:
            users = ", ".join(stack.consumers(name))
            yield Fault(f"{where}/services", f"{users} declare {name} differently", "share one declaration")


def _releases(stack: Stack, where: str) -> Iterator[Fault]:
    for service in stack.services:
        path = f"{where}/services/{service.name}"
        for name in service.migration.data_of if service.migration else ():
            if name not in stack:
                yield Fault(f"{path}/migration/data_of", f"{name} is not a service here", "name who has the data")
        if service.rolling and (service.host_network or service.published or service.data):
            fault = "two at once would share ports or data"
            yield Fault(f"{path}/rolling", fault, "leave it out: it is for services that keep nothing themselves")
        if service.rolling and service.health is None:
            yield Fault(f"{path}/rolling", "without a health check nobody knows when the new one serves", "add one")


def _networks(host: StackHost, stack: Stack, where: str) -> Iterator[Fault]:
    subnet, pool = IPv4Network(stack.settings.subnet), IPv4Network(host.docker.address_pool)
    if subnet.overlaps(pool):
        yield Fault(f"{where}/stack/subnet", f"{subnet} overlaps docker/address_pool {pool}", "choose another subnet")
    if subnet.prefixlen > 28:
        yield Fault(f"{where}/stack/subnet", f"{subnet} has too few addresses", "use /24")


def _secret_store(host: StackHost, stack: Stack, where: str) -> Iterator[Fault]:
    if "infisical" in stack and not (isinstance(host, MainframeHost) and host.secret_store):
        yield Fault(f"{where}/secret_store", "missing", "infisical is among the services: say what it is to hold")


def _headscale(host: StackHost, stack: Stack, where: str) -> Iterator[Fault]:
    if "headscale" not in stack:
        return
    if not isinstance(host, MainframeHost) or host.headscale is None:
        yield Fault(f"{where}/headscale", "missing", "headscale is among the services: give it base_domain and users")
        return
    base, server = host.headscale.base_domain, f"ts.{stack.settings.domain}"
    if re.fullmatch(rf"(.+\.)?{re.escape(base)}", server):
        fault = f'"{base}" contains {server}, which Headscale refuses'
        yield Fault(f"{where}/headscale/base_domain", fault, "choose a domain of its own")
    for index, key in enumerate(host.headscale.preauth_keys):
        if key.user not in host.headscale.users:
            remedy = did_you_mean(key.user, host.headscale.users)
            yield Fault(f"{where}/headscale/preauth_keys/{index}/user", f"{key.user} is not a user", remedy)
