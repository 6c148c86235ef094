"""Generated documentation: tables and a picture made from the declarations (pure)."""

from collections.abc import Mapping

from estate.models.backup import (
    Backup,
    BackupSettings,
    Files,
    NoBackup,
    Objects,
    Part,
    PostgresDump,
    RedisSave,
    SqliteFile,
)
from estate.models.backup_secrets import CONSUMER, backup_specs
from estate.models.base import format_size
from estate.models.host import HomelabHost, Host
from estate.models.service import Service
from estate.models.stack import Stack

HEAD = "<!-- Made by `make docs` from the declarations; CI checks that it is fresh. -->\n"


def _kept(part: Part) -> list[str]:
    match part:
        case PostgresDump():
            return ["every database"]
        case SqliteFile():
            return [f"`{part.path}` (online)"]
        case Files():
            return [f"`{path}`" for path in part.paths]
        case Objects():
            return [f"`{part.path}` (by object)"]
        case RedisSave():
            return [f"`{part.path}` (BGSAVE)"]


def _backup(backup: Backup | NoBackup) -> str:
    if isinstance(backup, NoBackup):
        return f"none: {backup.reason}"
    parts = [text for part in backup.parts for text in _kept(part)]
    return ", ".join([*parts, *(f"with {name}" for name in backup.secrets)])


def _row(stack: Stack, service: Service) -> str:
    ports = [f"**{p.host}/{p.protocol}**" for p in service.published]
    ports += [str(service.port)] if service.port else []
    limits = service.limits
    cells = [
        service.name,
        service.purpose,
        f"`{service.image}`" if service.image else "static files",
        ", ".join(ports) or "-",
        f"`{service.user}`" if service.image else "-",
        ", ".join(f"`{stack.data_dir}/{data.path}`" for data in service.data) or "-",
        ", ".join(f"{route.host}.{stack.settings.domain}" for route in service.routes) or "internal",
        ", ".join(spec.name for spec in service.secrets) or "-",
        f"{limits.cpus:g} CPU, {format_size(limits.memory)}" if limits else "-",
        _backup(service.backup).replace("@root@", stack.settings.root),
    ]
    return f"| {' | '.join(cells)} |\n"


def _services(stack: Stack) -> str:
    names = ("Service", "Purpose", "Image", "Port", "User", "Data", "Route", "Secrets", "Limits", "Backup")
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"
    return head + "".join(_row(stack, service) for service in stack.services)


def services_page(stack: Stack) -> str:
    """The table of services as Markdown."""
    note = "Ports in bold are published; all others answer on the stack's own network only.\n\n"
    return f"{HEAD}# Services of {stack.settings.domain}\n\n{note}{_services(stack)}"


def homelab_page(stacks: Mapping[str, Stack], hosts: Mapping[str, Host]) -> str:
    """The services of every host with a stack of its own, the databases that they have, and their secrets."""
    parts = [f"{HEAD}# Services of the homelab and its VPS\n"]
    for name, stack in stacks.items():
        size = f"{hosts[name].resources.cpus:g} CPU, {format_size(hosts[name].resources.memory)}"
        parts.append(f"\n## {name} ({hosts[name].address}, {size})\n\n{_services(stack)}")
    served = [
        (name, d)
        for name, h in hosts.items()
        if isinstance(h, HomelabHost) and h.postgres
        for d in h.postgres.databases
    ]
    if served:
        rows = "".join(f"| {d.name} | {host} | {', '.join(d.clients)} | {d.password.name} |\n" for host, d in served)
        parts.append(f"\n## Databases\n\n| Database and role | Server | From | Password |\n|---|---|---|---|\n{rows}")
    specs = {spec.name: spec for stack in stacks.values() for spec in stack.secrets().values()}
    rows = "".join(
        f"| {name} | {spec.kind} | {spec.purpose} | {', '.join(_users(stacks, name))} |\n"
        for name, spec in sorted(specs.items())
    )
    parts.append(f"\n## Secrets\n\n| Secret | Kind | Purpose | Consumers |\n|---|---|---|---|\n{rows}")
    return "".join(parts)


def _users(stacks: Mapping[str, Stack], secret: str) -> list[str]:
    return [name for stack in stacks.values() for name in stack.consumers(secret)]


def secrets_page(stack: Stack, backups: BackupSettings | None = None) -> str:
    """The table of secrets as Markdown.

    + backups: the backups of the stack's host
    """
    specs = stack.secrets() | (backup_specs(backups) if backups else {})
    head = "| Secret | Kind | Purpose | Consumers |\n|---|---|---|---|\n"
    rows = "".join(
        f"| {name} | {spec.kind} | {spec.purpose} | {', '.join(stack.consumers(name) or (CONSUMER,))} |\n"
        for name, spec in sorted(specs.items())
    )
    return f"{HEAD}# Secrets of {stack.settings.domain}\n\n{head}{rows}"
