"""Proxmox VE: what a node and a container may declare, in Proxmox's own terms (facts/homelab-vps.md, 1)."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from estate.models.base import AbsolutePath, Cidr, Frozen, HostName, Name, Port, SecretName, Size, parse_size

GIB, MIB = 1024**3, 1024**2

Content = Literal["backup", "images", "import", "iso", "rootdir", "snippets", "vztmpl"]
Feature = Literal["nesting", "keyctl", "fuse"]
UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+@[a-z0-9-]+$")]
"""A user with its realm: "svc@pve"."""
AclPath = Annotated[str, Field(pattern=r"^/([a-z0-9._-]+(/[a-z0-9._-]+)*)?$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")]
OneLine = Annotated[str, Field(pattern=r"^[^\n\r]*$")]
Schedule = Annotated[str, Field(pattern=r"^[a-z0-9*/.,:\s-]+$")]
"""A calendar event, such as "02:30" or "sun 02:00" (pve-docs, calendar-event)."""


def _check_address(value: str) -> str:
    try:
        return str(IPv4Address(value))
    except ValueError as error:
        raise ValueError(f"{error}; write for example 10.20.0.1") from None


def _whole_gib(value: int) -> int:
    if value % GIB:
        raise ValueError(f"{value} bytes is not a whole number of GiB; write for example 20g")
    return value


def _whole_mib(value: int) -> int:
    if value % MIB:
        raise ValueError(f"{value} bytes is not a whole number of MiB; write for example 512m")
    return value


def _family_or_file(value: str) -> str:
    if "_" in value and ".tar." not in value:
        raise ValueError(f'"{value}" is neither a family (debian-12-standard) nor a whole file name (….tar.zst)')
    return value


Address = Annotated[str, AfterValidator(_check_address)]
Template = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9.+_-]*$"), AfterValidator(_family_or_file)]
"""What containers are made from: a family, of which the newest is taken, or an exact file name."""
Disk = Annotated[Size, AfterValidator(_whole_gib)]
Swap = Annotated[int, BeforeValidator(parse_size), Field(ge=0), AfterValidator(_whole_mib)]


class Retention(Frozen):
    """How many backups are kept, as vzdump's prune-backups has it; none of any: all are kept."""

    last: int = Field(default=0, ge=0)
    hourly: int = Field(default=0, ge=0)
    daily: int = Field(default=0, ge=0)
    weekly: int = Field(default=0, ge=0)
    monthly: int = Field(default=0, ge=0)
    yearly: int = Field(default=0, ge=0)

    @property
    def text(self) -> str:
        """As the tools read it: "keep-daily=7,keep-weekly=4"."""
        kept = [f"keep-{name}={count}" for name, count in self if count]
        return ",".join(kept) or "keep-all=1"


class _Storage(Frozen):
    name: Name
    content: tuple[Content, ...] = Field(min_length=1)
    retention: Retention | None = None
    nodes: tuple[Name, ...] = ()
    """Only on these nodes; empty: on all."""


class NfsStorage(_Storage):
    """An NFS export, mounted on the nodes at /mnt/pve/NAME; never inside a container."""

    kind: Literal["nfs"] = "nfs"
    server: HostName
    export: AbsolutePath
    options: str = Field(default="", pattern=r"^[a-z0-9=.,_]*$")
    """Mount options, such as vers=4.2."""


class DirStorage(_Storage):
    """A directory of the node."""

    kind: Literal["dir"] = "dir"
    path: AbsolutePath


Storage = Annotated[NfsStorage | DirStorage, Field(discriminator="kind")]


class Rootfs(Frozen):
    """A container's root file system; it grows, it never shrinks."""

    storage: Name
    size: Disk


class Mount(Frozen):
    """A mount point: a directory of the node (`source`), or a volume of its own (`storage` and `size`).

    Neither is in a vzdump unless a volume says `backup`; a bind mount keeps the container from being snapshotted.
    """

    path: AbsolutePath
    source: AbsolutePath | None = None
    storage: Name | None = None
    size: Disk | None = None
    read_only: bool = False
    backup: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "Mount":
        if (self.source is None) == (self.storage is None or self.size is None):
            raise ValueError(f"{self.path} wants a source (bind mount), or storage and size (volume)")
        if self.source is not None and self.backup:
            raise ValueError(f"{self.path} is a bind mount, which vzdump never contains; leave backup out")
        return self


class ContainerNetwork(Frozen):
    """A container's interface; its address is the host's own address."""

    name: str = Field(default="eth0", pattern=r"^[a-z][a-z0-9]{0,14}$")
    bridge: str = Field(default="vmbr0", pattern=r"^[a-z][a-z0-9_.-]{0,14}$")
    network: Cidr
    gateway: Address
    vlan: int | None = Field(default=None, ge=1, le=4094)

    @property
    def prefix(self) -> int:
        """The length of the network's prefix."""
        return IPv4Network(self.network).prefixlen


class StartOrder(Frozen):
    """When a container starts with its node: place, and seconds to wait after its start and for its stop."""

    order: int | None = Field(default=None, ge=0)
    up: int = Field(default=0, ge=0)
    down: int = Field(default=0, ge=0)

    @property
    def text(self) -> str:
        """As the tools read it: "order=1,up=30"; empty: no order."""
        parts = [f"order={self.order}"] if self.order is not None else []
        return ",".join(
            parts + [f"{name}={seconds}" for name, seconds in (("up", self.up), ("down", self.down)) if seconds]
        )


class PveRule(Frozen):
    """A rule of Proxmox's firewall for what comes in: a macro such as "SSH", or protocol and port."""

    macro: str = Field(default="", pattern=r"^[A-Za-z0-9]*$")
    protocol: Literal["tcp", "udp", "icmp"] | None = None
    port: Port | None = None
    source: Cidr | None = None
    purpose: OneLine = ""


class PveFirewall(Frozen):
    """Proxmox's own firewall: on from the moment on which the management addresses are known.

    + management: networks from which nodes and containers are administered
    + rules: what every node lets in besides
    """

    enabled: bool = True
    management: tuple[Cidr, ...] = Field(min_length=1)
    rules: tuple[PveRule, ...] = ()


class BackupJob(Frozen):
    """A scheduled vzdump; `hosts` are names of containers, none: every guest."""

    name: Name
    schedule: Schedule
    storage: Name
    hosts: tuple[Name, ...] = ()
    mode: Literal["snapshot", "suspend", "stop"] = "snapshot"
    compress: Literal["zstd", "gzip", "lzo", "0"] = "zstd"
    retention: Retention
    repeat_missed: bool = True
    notes: OneLine = "{{guestname}}"
    enabled: bool = True


class OpenIdRealm(Frozen):
    """A realm whose users log in by OpenID Connect.

    + username_claim: fixed once the realm exists; "username" is OIDC's preferred_username
    + groups_claim: claim with an array of groups, which are called GROUP-REALM here
    """

    name: Name
    issuer_url: str = Field(pattern=r"^https://[^\s'\"]+$")
    client_id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    client_secret: SecretName
    username_claim: str = Field(default="username", pattern=r"^[a-z_]+$")
    autocreate: bool = True
    groups_claim: str = Field(default="", pattern=r"^[a-z_]*$")
    scopes: str = Field(default="email profile", pattern=r"^[a-z_ ]+$")
    default: bool = False


class PveRole(Frozen):
    """A role of our own; Proxmox's are there anyway."""

    name: Identifier
    privileges: tuple[Identifier, ...] = Field(min_length=1)


class PveGroup(Frozen):
    """A group of users."""

    name: Identifier
    comment: OneLine = ""


class PveUser(Frozen):
    """A user; whoever a realm creates by itself need not be declared."""

    name: UserName
    groups: tuple[Identifier, ...] = ()
    comment: OneLine = ""


class PveToken(Frozen):
    """An API token: its rights are those of its own access list, unless `privilege_separation` is off.

    Its value is shown once; the node keeps it in a root-only file (docs/homelab.md).
    """

    user: UserName
    name: Identifier
    privilege_separation: bool = True
    comment: OneLine = ""

    @property
    def full(self) -> str:
        """As access lists name it: "svc@pve!deploy"."""
        return f"{self.user}!{self.name}"


class PveAcl(Frozen):
    """Who has which role on which path: a group, a user or a token."""

    path: AclPath
    role: Identifier
    group: Identifier | None = None
    user: UserName | None = None
    token: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]+@[a-z0-9-]+![A-Za-z][A-Za-z0-9_.-]*$")
    propagate: bool = True

    @model_validator(mode="after")
    def _one_subject(self) -> "PveAcl":
        if sum(subject is not None for subject in (self.group, self.user, self.token)) != 1:
            raise ValueError("wants exactly one of group, user and token")
        return self

    @property
    def subject(self) -> tuple[str, str]:
        """Kind, as the API names it, and name."""
        kinds = (("group", self.group), ("user", self.user), ("token", self.token))
        return next((kind, name) for kind, name in kinds if name is not None)


class PveAccess(Frozen):
    """Roles, groups, users, tokens and access lists; what else there is is left alone."""

    roles: tuple[PveRole, ...] = ()
    groups: tuple[PveGroup, ...] = ()
    users: tuple[PveUser, ...] = ()
    tokens: tuple[PveToken, ...] = ()
    acl: tuple[PveAcl, ...] = ()
