"""What an inventory says about its secrets: which there are, who uses them, where they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from estate.clients.http import Endpoint, Policy
from estate.clients.infisical import Infisical, Scope
from estate.edge import secrets as edge
from estate.inventory import Estate
from estate.models.backup_secrets import CONSUMER, backup_specs
from estate.models.host import Host, MainframeHost, StackHost
from estate.models.secret import SecretSpec
from estate.models.secret_store import SecretStore
from estate.models.stack import Stack
from estate.render.templates import ROOT
from estate.secrets.sealed import SealedFile


def sealed_path(estate_name: str) -> Path:
    """The sealed file of an inventory; the lab's goes with the lab."""
    return ROOT / ".lab" / "secrets.age" if estate_name == "lab" else ROOT / "secrets" / f"{estate_name}.age"


@dataclass(frozen=True)
class Backend:
    """The secrets of an estate and where they are kept.

    + store, stack, host: Infisical's settings, stack and host; None when the estate has no Infisical
    """

    name: str
    file: SealedFile
    specs: Mapping[str, SecretSpec]
    users: Mapping[str, tuple[str, ...]]
    store: SecretStore | None = None
    stack: Stack | None = None
    host: MainframeHost | None = None

    def consumers(self, name: str) -> tuple[str, ...]:
        """The services that declare the secret."""
        return self.users.get(name, ())

    @property
    def own(self) -> frozenset[str]:
        """Secrets that are needed before Infisical runs: the sealed file decides them."""
        return frozenset(name for name, spec in self.specs.items() if spec.bootstrap)

    @property
    def endpoint(self) -> Endpoint:
        """Where Infisical answers."""
        assert self.stack is not None  # noqa: S101 - callers have looked at `store`
        assert self.host is not None  # noqa: S101
        assert self.store is not None  # noqa: S101
        route = self.stack.service("infisical").routes[0]
        url = f"https://{route.host}.{self.stack.settings.domain}"
        return Endpoint(url, self.store.address or self.host.address, self.host.tls.ca_root or "")

    def infisical(self, policy: Policy | None = None) -> Infisical:
        """A session with Infisical, not logged in."""
        return Infisical(self.endpoint, policy=policy)

    def scope(self, project: str) -> Scope:
        """Where the secrets lie in the project with this id."""
        assert self.store is not None  # noqa: S101
        return Scope(project, self.store.environment, self.store.path)


def _sealed_file(name: str, host: Host) -> SealedFile:
    return SealedFile(sealed_path(name), Path(host.age_identity).expanduser(), host.age_recipients)


def backend_of(estate: Estate) -> Backend:
    """The estate's secrets."""
    stacks = estate.stacks
    specs = {name: spec for stack in stacks.values() for name, spec in stack.secrets().items()}
    users = {name: tuple(user for stack in stacks.values() for user in stack.consumers(name)) for name in specs}
    if estate.mesh is not None:
        specs |= edge.specs(estate.mesh)
        users |= edge.CONSUMERS
    for host in estate.hosts.values():
        if isinstance(host, StackHost) and host.backups:
            own = backup_specs(host.backups)
            specs |= own
            users |= dict.fromkeys(own, (CONSUMER,))
        specs |= host.secrets
        users |= {name: (*users.get(name, ()), host.name) for name in host.secrets}
    for name, stack in stacks.items():
        host = estate.hosts[name]
        if "infisical" in stack and isinstance(host, MainframeHost):
            return Backend(estate.name, _sealed_file(estate.name, host), specs, users, host.secret_store, stack, host)
    first = next(iter(estate.hosts.values()))
    return Backend(estate.name, _sealed_file(estate.name, first), specs, users)
