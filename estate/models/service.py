"""A service: one frozen declaration from which everything else derives.

The compose service, Caddy site, scrape target, required secrets, data directories, checks and the
rows of the docs all come from here. Figures and image facts: facts/services-mainframe.md.
"""

from typing import Literal

from pydantic import Field

from estate.models.backup import Backup, NoBackup
from estate.models.base import AbsolutePath, Frozen, HostName, Name, Port, SecretName, Size, UserId
from estate.models.image import Image
from estate.models.postgres import Database
from estate.models.secret import SecretSpec


class Route(Frozen):
    """A Caddy site. `host` is the label below the host's domain ("vault" is vault.DOMAIN)."""

    host: HostName
    files: AbsolutePath | None = None
    """Serve this directory (as Caddy sees it) instead of proxying to the service's port."""


class Health(Frozen):
    """A container health check; times in seconds (seed 001, phase 2: 30, 5, 5).

    + start_interval: while `start_period` lasts it is asked this often, so that nobody waits 30 s for a
      service that was ready in 2 (needs Engine 25; facts/apis.md, 11)
    """

    test: tuple[str, ...]
    interval: int = 30
    timeout: int = 5
    retries: int = 5
    start_period: int = 60
    start_interval: int = 2

    @classmethod
    def command(cls, *argv: str, start_period: int = 60) -> "Health":
        """Run a program that the image has."""
        return cls(test=("CMD", *argv), start_period=start_period)

    @classmethod
    def shell(cls, script: str, start_period: int = 60) -> "Health":
        """Run a line of shell; only for images that have one."""
        return cls(test=("CMD-SHELL", script), start_period=start_period)

    @classmethod
    def wget(cls, port: int, path: str, start_period: int = 60) -> "Health":
        """Ask over HTTP with the image's busybox wget."""
        return cls.command("wget", "-qO", "/dev/null", f"http://127.0.0.1:{port}{path}", start_period=start_period)

    @classmethod
    def curl(cls, port: int, path: str, start_period: int = 60) -> "Health":
        """Ask over HTTP with the image's curl."""
        return cls.command(
            "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{port}{path}", start_period=start_period
        )


class Limits(Frozen):
    """Upper bounds of a container: CPUs, bytes of memory, number of processes."""

    cpus: float = Field(gt=0)
    memory: Size
    pids: int = Field(default=256, gt=0)


class DataDir(Frozen):
    """A directory below the stack's data directory that the service owns and that outlives it."""

    path: Name
    target: AbsolutePath
    mode: int = 0o750
    owner: UserId | None = None
    """Defaults to the service's user."""


class Mount(Frozen):
    """A read-only look at something of the host's."""

    source: AbsolutePath
    target: AbsolutePath
    read_only: bool = True
    propagation: Literal["rslave", ""] = ""


class ConfigFile(Frozen):
    """A file rendered from templates/SERVICE/`template` to compose/SERVICE/`path`, mode 0644.

    + target: the directory in the container at which the service's configuration is mounted
    + secret: it holds secret values: mode 0400, owned by the service's user, masked in every diff
    """

    path: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")
    template: str
    secret: bool = False


class Config(Frozen):
    """The service's configuration directory: its files, and where the container sees them."""

    target: AbsolutePath
    files: tuple[ConfigFile, ...]
    templates: Name | None = None
    """The folder below templates/ that they come from; the service's own name unless it shares another's."""
    reload: tuple[str, ...] = ()
    """What makes the running service read its configuration again; empty: it is recreated."""


class SecretFile(Frozen):
    """A secret that the container reads from /run/secrets/`path`: mode 0400, owned by the service's user.

    + text: what the file holds; `{value}` is the secret
    """

    secret: SecretName
    path: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    text: str = "{value}"


class Credential(Frozen):
    """How a service takes a new value of a secret, and how to tell whether a value is the one in force.

    Both are lines of shell, run in the container with the value on standard input: it is never an argument.

    + prove: succeeds with the value in force and fails with any other
    + change: gives the service's own data the value (a database role's password, say); empty: the
      service takes it from its environment or file whenever it starts
    """

    secret: SecretName
    prove: str
    change: str = ""


class Published(Frozen):
    """A port that answers on the host's address.

    + clients: who may use it, by the names of hosts or of the services that run there; none: everybody
    """

    host: Port
    container: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    clients: tuple[Name, ...] = ()


class Metrics(Frozen):
    """A Prometheus scrape target."""

    port: Port
    path: str = "/metrics"


class Migration(Frozen):
    """Another version of the service rewrites data so that the version before cannot read them.

    They are copied before a container of another image starts, and come back when that one fails.

    + data_of: the services whose data directories it rewrites; empty: its own
    """

    data_of: tuple[Name, ...] = ()


class Service(Frozen):
    """One service of a compose stack (or, without an image, a site that Caddy serves)."""

    name: Name
    purpose: str
    image: Image | None
    user: UserId = "1000:1000"
    entrypoint: tuple[str, ...] = ()
    """Instead of the image's own; `command` are its arguments."""
    command: tuple[str, ...] = ()
    port: Port | None = None
    published: tuple[Published, ...] = ()
    routes: tuple[Route, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    """Values may name secrets as ${NAME} (Compose fills them in on the host) and, like `command` and
    `health`, @gateway@, @domain@ and @root@ of the stack, @address:NAME@ of a host or service elsewhere, and
    @networks:NAME@: the addresses of all hosts with that service, as networks; the loopback when there is none."""
    secrets: tuple[SecretSpec, ...] = ()
    secret_files: tuple[SecretFile, ...] = ()
    """Secrets that it takes as files instead of in its environment."""
    credentials: tuple[Credential, ...] = ()
    """The secrets that this service is the one to check."""
    data: tuple[DataDir, ...] = ()
    config: Config | None = None
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[AbsolutePath, ...] = ()
    limits: Limits | None = None
    health: Health | None = None
    depends_on: tuple[Name, ...] = ()
    """Names, or aliases: whoever provides it."""
    aliases: tuple[Name, ...] = ()
    """Further names on the network: what alternatives (rclone, MinIO) have in common ("s3")."""
    metrics: Metrics | None = None
    database: Database | None = None
    """Its database on the shared PostgreSQL of another host."""
    backup: Backup | NoBackup
    cap_add: tuple[str, ...] = ()
    read_only: bool = True
    host_network: bool = False
    network_of: Name | None = None
    """The service whose network namespace it lives in: ports are that one's to publish."""
    pid_host: bool = False
    stop_grace_period: int = 30
    migration: Migration | None = None
    """Set when a new version cannot be gone back from with the data that it leaves."""
    rolling: bool = False
    """Two of it may run at once: a new one serves before the old one goes, so that no request fails."""
    shm_size: Size | None = None
    lint: dict[str, str] = Field(default_factory=dict)
    """compose-lint rules that do not apply here, each with its reason."""
