"""Values for `estate render`: of the right form, the same every time, and no secrets."""

from collections.abc import Mapping

from estate.models.backup_secrets import backup_specs
from estate.models.host import Host, StackHost
from estate.models.secret import SecretKind, SecretSpec
from estate.models.stack import Stack
from estate.render.infisical import HostAccess

ACCESS = HostAccess(
    "00000000-0000-0000-0000-000000000000",
    {"INFISICAL_CLIENT_ID": "placeholder-client-id", "INFISICAL_CLIENT_SECRET": "placeholder-client-secret"},
)
"""Stands for what Infisical gives out when it is set up."""


def placeholders(stack: Stack | None, host: Host | None = None) -> dict[str, str]:
    """A value for every secret of the stack, of its host's backups, and of the host itself."""
    backups = host.backups if isinstance(host, StackHost) else None
    specs = stack.secrets() if stack else {}
    return values_for(specs | (backup_specs(backups) if backups else {}) | (host.secrets if host else {}))


def values_for(specs: Mapping[str, SecretSpec]) -> dict[str, str]:
    """A value for each of these secrets."""
    return {name: _placeholder(spec) for name, spec in sorted(specs.items())}


def _placeholder(spec: SecretSpec) -> str:
    if spec.kind is SecretKind.INTEGER:
        return "-1001"
    if spec.kind is SecretKind.USERNAME and spec.default:
        return spec.default
    return f"placeholder-{spec.name.lower().replace('_', '-')}"
