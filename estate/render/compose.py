"""The compose file: every service with the estate's standards (seed 001, phase 2; seed 003).

Health check, limits, dropped capabilities, read-only root, bounded logs, nothing published that is
not declared. Each service carries its inputs in a label, so that a plan can say which of them changed.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import yaml

from estate.models.base import format_size
from estate.models.service import Health, Service
from estate.models.stack import Stack

INPUTS_LABEL = "estate.inputs"
_ADDRESS = re.compile(r"@address:([a-z0-9-]+)@")
_NETWORKS = re.compile(r"@networks:([a-z0-9-]+)@")
_SECRET = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def digest(value: object) -> str:
    """A short digest of plain data."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def placed(stack: Stack, text: str) -> str:
    """The text with the stack's own words (@gateway@, @domain@, @root@) and others' addresses filled in."""
    words = {"@gateway@": stack.gateway, "@domain@": stack.settings.domain, "@root@": stack.settings.root}
    for word, value in words.items():
        text = text.replace(word, value)
    text = _ADDRESS.sub(lambda found: stack.addresses[found[1]][0], text)
    return _NETWORKS.sub(lambda found: ",".join(networks(stack, found[1])), text)


def networks(stack: Stack, name: str) -> tuple[str, ...]:
    """The addresses of a host, or of the hosts with a service, as networks; the loopback when there is none."""
    return tuple(f"{address}/32" for address in stack.addresses.get(name, ())) or ("127.0.0.1/32",)


def elsewhere(service: Service) -> tuple[str, ...]:
    """The hosts and services whose address the service is told."""
    texts = (*service.environment.values(), *service.command, *service.entrypoint)
    return tuple(sorted({name for text in texts for name in _ADDRESS.findall(text)}))


def _literal(stack: Stack, text: str) -> str:
    """Text that Compose must not interpolate."""
    return placed(stack, text).replace("$", "$$")


def _environment_value(stack: Stack, text: str) -> str:
    """Secrets stay references, and a missing one stops Compose instead of becoming empty."""
    escaped = placed(stack, text).replace("$", "$$")
    return re.sub(r"\$\$\{([A-Z][A-Z0-9_]*)\}", r"${\1:?\1 is not set in .env}", escaped)


def secrets_in(service: Service) -> tuple[str, ...]:
    """The secrets that the service's environment names."""
    return tuple(sorted({name for value in service.environment.values() for name in _SECRET.findall(value)}))


def _health(stack: Stack, health: Health) -> dict[str, Any]:
    return {
        "test": [_literal(stack, word) for word in health.test],
        "interval": f"{health.interval}s",
        "timeout": f"{health.timeout}s",
        "retries": health.retries,
        "start_period": f"{health.start_period}s",
        "start_interval": f"{health.start_interval}s",
    }


def _volumes(stack: Stack, service: Service) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"type": "bind", "source": f"{stack.data_dir}/{data.path}", "target": data.target} for data in service.data
    ]
    if service.config:
        source = f"{stack.compose_dir}/{service.name}"
        volumes.append({"type": "bind", "source": source, "target": service.config.target, "read_only": True})
    if service.secret_files:
        source = f"{stack.secrets_dir}/{service.name}"
        volumes.append({"type": "bind", "source": source, "target": "/run/secrets", "read_only": True})
    for mount in service.mounts:
        volume = {
            "type": "bind",
            "source": mount.source,
            "target": mount.target,
            "read_only": mount.read_only,
        }
        if mount.propagation:
            volume["bind"] = {"propagation": mount.propagation}
        volumes.append(volume)
    return volumes


def _dependencies(stack: Stack, service: Service) -> dict[str, Any]:
    providers = {alias: s.name for s in stack.containers for alias in (s.name, *s.aliases)}
    return {providers[name]: {"condition": "service_healthy"} for name in service.depends_on if name in providers}


def compose_service(stack: Stack, service: Service) -> dict[str, Any]:
    """The compose definition of one service, without its labels."""
    definition: dict[str, Any] = {
        "image": str(service.image),
        "container_name": service.name,
        "user": service.user,
        "restart": "unless-stopped",
        "init": False,
        "read_only": service.read_only,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "stop_grace_period": f"{service.stop_grace_period}s",
        "logging": {
            "driver": "json-file",
            "options": {"max-size": "10m", "max-file": "3", "tag": "{{.Name}}"},
        },
    }
    if service.cap_add:
        definition["cap_add"] = list(service.cap_add)
    if service.entrypoint:
        definition["entrypoint"] = [_literal(stack, word) for word in service.entrypoint]
    if service.command:
        definition["command"] = [_literal(stack, word) for word in service.command]
    if service.environment:
        definition["environment"] = {
            name: _environment_value(stack, value) for name, value in sorted(service.environment.items())
        }
    if volumes := _volumes(stack, service):
        definition["volumes"] = volumes
    if service.tmpfs:
        definition["tmpfs"] = [f"{path}:mode=1777,size=64m" for path in service.tmpfs]
    if service.limits:
        definition["mem_limit"] = format_size(service.limits.memory)
        definition["cpus"] = service.limits.cpus
        definition["pids_limit"] = service.limits.pids
    if service.shm_size:
        definition["shm_size"] = format_size(service.shm_size)
    if service.health:
        definition["healthcheck"] = _health(stack, service.health)
    if dependencies := _dependencies(stack, service):
        definition["depends_on"] = dependencies
    if service.published:
        definition["ports"] = [
            {"target": p.container, "published": str(p.host), "protocol": p.protocol} for p in service.published
        ]
    if service.pid_host:
        definition["pid"] = "host"
    if service.host_network:
        definition["network_mode"] = "host"
    elif service.network_of:
        definition["network_mode"] = f"service:{service.network_of}"
    else:
        network = stack.settings.network
        definition["networks"] = {network: {"aliases": list(service.aliases)} if service.aliases else {}}
    return definition


def inputs(
    service: Service, definition: Mapping[str, Any], secrets: Mapping[str, str], files: Mapping[str, str]
) -> dict[str, str]:
    """What the container is made from, each with a short digest.

    + secrets: the values of the secrets that its environment names
    + files: digests of the configuration files that are only read at start, by path
    """
    result = {key: digest(value) for key, value in definition.items()}
    result |= {f"secret {name}": digest([name, secrets[name]]) for name in secrets_in(service)}
    return result | {f"file {path}": value[:12] for path, value in files.items()}


def compose_file(stack: Stack, secrets: Mapping[str, str], files: Mapping[str, Mapping[str, str]]) -> str:
    """The whole compose file as YAML.

    + files: by service, the digests of the configuration files whose change recreates its container
    """
    services: dict[str, dict[str, Any]] = {}
    definitions = {service.name: compose_service(stack, service) for service in stack.containers}
    made = {
        service.name: inputs(service, definitions[service.name], secrets, files.get(service.name, {}))
        for service in stack.containers
    }
    for service in stack.containers:
        definition, made_from = definitions[service.name], made[service.name]
        if service.network_of:
            # Whoever lives in another's network has to move when that one is made anew
            made_from = made_from | {f"network of {service.network_of}": digest(made[service.network_of])}
        label = json.dumps(made_from, sort_keys=True, separators=(",", ":"))
        services[service.name] = definition | {"labels": {INPUTS_LABEL: label.replace("$", "$$")}}
    settings = stack.settings
    document = {
        "name": settings.project,
        "services": services,
        "networks": {
            settings.network: {
                "name": settings.network,
                "driver": "bridge",
                "ipam": {"config": [{"subnet": settings.subnet, "gateway": stack.gateway}]},
            }
        },
    }
    head = "# Written by the deploy from the declarations in estate/services; a change made here is overwritten.\n"
    return head + yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)
