"""The table at the end of `make lab`: what runs where, whether it is healthy, and how to log in."""

import subprocess

from rich.table import Table

from estate.inventory import Estate
from estate.models.service import Service
from estate.models.stack import Stack
from lab.paths import LabPaths

_LOGINS = {
    "grafana": "admin, password GRAFANA_ADMIN_PASSWORD",
    "vaultwarden": "/admin with VAULTWARDEN_ADMIN_TOKEN_PLAIN",
    "hermes-api": "bearer token HERMES_API_TOKEN",
    "s3": "key MINIO_ROOT_USER, MINIO_ROOT_PASSWORD",
    "headscale": "pre-auth key, on the host below /var/lib/estate",
    "infisical": "through estate secrets",
}


def container_states(paths: LabPaths, host: str) -> dict[str, str]:
    """Each container's status in the engine's words, by name; empty when the host does not answer."""
    argv = [
        "ssh",
        "-F",
        str(paths.ssh_config),
        host,
        "sudo",
        "docker",
        "ps",
        "-a",
        "--format",
        "'{{.Names}}\t{{.Status}}'",
    ]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return dict(line.split("\t", 1) for line in result.stdout.splitlines() if "\t" in line)


def _url(stack: Stack, service: Service) -> str:
    routes = [f"https://{route.host}.{stack.settings.domain}" for route in service.routes]
    inside = f"{stack.address(service)}:{service.port} (internal)" if service.port else ""
    return "\n".join(routes) or inside


def services_table(estate: Estate, paths: LabPaths) -> tuple[Table, bool]:
    """One row a service, and whether all of them are healthy."""
    table = Table("host", "service", "health", "address", "log in")
    healthy = True
    for name, stack in estate.stacks.items():
        states = container_states(paths, name)
        for service in stack.services:
            if service.image is None:
                status, fine = "served by caddy", True
            else:
                found = states.get(service.name, "not there")
                fine = "(healthy)" in found
                status = "healthy" if fine else found
            healthy = healthy and fine
            style = "green" if fine else "red"
            table.add_row(
                name, service.name, f"[{style}]{status}[/]", _url(stack, service), _LOGINS.get(service.name, "")
            )
    return table, healthy


def hints(estate: Estate, paths: LabPaths) -> list[str]:
    """How to reach what the table names."""
    lines = ["A secret's value: estate secrets show inventories/lab.py NAME"]
    for name, stack in estate.stacks.items():
        site = next((full for _, _, full in stack.routes() if "caddy" in stack), None)
        if site:
            address = estate.hosts[name].address
            lines.append(f"A site: curl --cacert {paths.ca_cert} --resolve {site}:443:{address} https://{site}/")
    return [*lines, "A host: estate lab ssh NAME"]
