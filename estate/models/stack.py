"""A stack: the services that a host was given, resolved."""

from collections.abc import Iterator
from functools import cached_property
from ipaddress import IPv4Network

from pydantic import ConfigDict, Field

from estate.models.base import Frozen
from estate.models.public import PublicResource
from estate.models.secret import SecretSpec
from estate.models.service import Credential, Route, Service
from estate.models.stack_settings import StackSettings


class Stack(Frozen):
    """The compose project of one host: settings and services, in start order."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    settings: StackSettings
    services: tuple[Service, ...]
    addresses: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Where others are: the address of a host by its name, those of the hosts that run it by a service's name."""
    public: tuple[PublicResource, ...] = ()
    """What goes through the tunnel, for the stack that has its client."""

    @property
    def compose_dir(self) -> str:
        """Where the compose file, `.env` and the services' configuration live."""
        return f"{self.settings.root}/compose"

    @property
    def data_dir(self) -> str:
        """Where the services' data live."""
        return f"{self.settings.root}/data"

    @property
    def gateway(self) -> str:
        """The host's address on the stack's network."""
        return str(IPv4Network(self.settings.subnet)[1])

    @property
    def containers(self) -> tuple[Service, ...]:
        """The services that run as containers."""
        return tuple(service for service in self.services if service.image is not None)

    def service(self, name: str) -> Service:
        """The service of that name; KeyError when the stack has none."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(service.name == name for service in self.services)

    def routes(self) -> Iterator[tuple[Service, Route, str]]:
        """Every route with its service and its full host name."""
        for service in self.services:
            for route in service.routes:
                yield service, route, f"{route.host}.{self.settings.domain}"

    def address(self, service: Service) -> str:
        """Where containers reach the service: its name, or the host's gateway address."""
        return self.gateway if service.host_network else service.network_of or service.name

    @property
    def secrets_dir(self) -> str:
        """Where the secrets lie that services take as files, a directory a service."""
        return f"{self.settings.root}/secrets"

    @property
    def scripts_dir(self) -> str:
        """Where the scripts lie that the operator runs on the host."""
        return f"{self.settings.root}/scripts"

    def credentials(self) -> Iterator[tuple[Service, Credential]]:
        """Every declared way to check a secret, with the service that does."""
        for service in self.containers:
            for credential in service.credentials:
                yield service, credential

    def secrets(self) -> dict[str, SecretSpec]:
        """Every secret that some service declares, by name."""
        return {spec.name: spec for service in self.services for spec in service.secrets}

    def consumers(self, secret: str) -> tuple[str, ...]:
        """The names of the services that declare the secret."""
        return tuple(s.name for s in self.services if any(spec.name == secret for spec in s.secrets))
