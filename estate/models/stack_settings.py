"""What a host with a compose project is told of it: project, engine, certificates, tailnet, docs."""

from typing import Literal

from pydantic import Field

from estate.models.base import AbsolutePath, Cidr, Frozen, HostName, Name, Size


class DockerSettings(Frozen):
    """The engine: whose packages, and the daemon's settings."""

    source: Literal["distribution", "docker"] = "distribution"
    packages: tuple[str, ...] = ("docker.io", "docker-cli", "docker-compose")
    """The distribution's package names (these are Debian 13's)."""
    registry_mirrors: tuple[str, ...] = ()
    log_max_size: Size = 10 * 1024**2
    log_max_files: int = Field(default=3, ge=1)
    address_pool: Cidr = "172.30.0.0/16"


class LimitsChange(Frozen):
    """Other limits of a service on one host; what is not named is as the service declares it."""

    cpus: float | None = Field(default=None, gt=0)
    memory: Size | None = None
    pids: int | None = Field(default=None, gt=0)


class Tls(Frozen):
    """Where certificates come from: ACME, by default Let's Encrypt."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    directory: str | None = None
    ca_root: str | None = None
    """PEM text of the root that the ACME server itself is trusted by (the lab's); None: the system's."""


class PreauthKey(Frozen):
    """A Headscale pre-auth key to keep available for node registration; `expires` in hours."""

    user: Name
    reusable: bool = True
    ephemeral: bool = False
    expires: int = Field(default=24 * 90, ge=1)


class HeadscaleSettings(Frozen):
    """The tailnet: its name, users, and the pre-auth keys to keep."""

    base_domain: HostName
    users: tuple[Name, ...] = ()
    preauth_keys: tuple[PreauthKey, ...] = ()


class DocsSettings(Frozen):
    """The docs site; the rebuild job stays off until it is asked for (seed 000, phase 9)."""

    rebuild: bool = False


class StackSettings(Frozen):
    """A compose project: where, on which network, under which domain."""

    project: Name
    root: AbsolutePath
    domain: HostName
    network: Name
    subnet: Cidr
    up_timeout: int = Field(default=300, ge=10)
    """Seconds that `up` waits for every service to become healthy."""
