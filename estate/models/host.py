"""Hosts: the data of an inventory, by group, validated once."""

import math
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from estate.models.backup import BackupSettings
from estate.models.base import Address, Cidr, Frozen, HostName, Name, Port, Size
from estate.models.edge import Mesh, Node
from estate.models.host_parts import Neighbour, OpenPort, Resources, User
from estate.models.postgres import PostgresSettings
from estate.models.proxmox import (
    BackupJob,
    ContainerNetwork,
    Feature,
    Mount,
    OneLine,
    OpenIdRealm,
    PveAccess,
    PveFirewall,
    Rootfs,
    StartOrder,
    Storage,
    Swap,
    Template,
)
from estate.models.secret import SecretKind, SecretSpec
from estate.models.secret_store import SecretStore
from estate.models.stack_settings import (
    DockerSettings,
    DocsSettings,
    HeadscaleSettings,
    LimitsChange,
    StackSettings,
    Tls,
)
from estate.models.vps import Fail2ban, Ipv4, PangolinSettings, Reserve
from estate.models.watch import TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID, WatchSettings

ModuleName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
_KEY = r"^(ssh-ed25519|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]+={0,2}( [^\n]*)?$"


class Host(Frozen):
    """What every host has, whatever its group."""

    name: Name
    group: Name
    address: str
    home_address: Address | None = None
    """Its address on the home network, for a host that is deployed to by another."""
    neighbours: tuple[Neighbour, ...] = ()
    """The estate's hosts with itself; filled in when the inventory is loaded."""
    watch: WatchSettings | None = None
    """What it watches by itself is told to Telegram; None: it watches nothing."""
    users: tuple[User, ...]
    admin_keys: tuple[str, ...] = Field(min_length=1)
    """Public ed25519 keys that the admins log in with."""
    age_recipients: tuple[str, ...] = ()
    """Public keys (age, or ssh-ed25519) of those who may open the sealed copy of the secrets."""
    age_identity: str = "~/.config/estate/age.txt"
    """The private key that opens it on this machine."""
    optional: bool = False
    """It may be switched off: a run can leave it out by name (`--exclude`), never silently."""
    resources: Resources
    system: Literal["debian", "nixos"] = "debian"
    """Debian and what derives from it, or NixOS, whose base is its own configuration."""
    firewall: bool = True
    """Whether the firewall is ours; appliances with one of their own say no."""
    packages: tuple[str, ...] = ()
    sysctl: dict[str, str] = Field(default_factory=dict)
    disabled_modules: tuple[ModuleName, ...] = ()
    """Kernel modules that may not be loaded."""
    usb_storage: bool = True
    """Whether USB disks may be used; a virtual machine has none."""
    ntp_servers: tuple[str, ...] = ()
    journal_max: Size = 1024**3
    open_ports: tuple[OpenPort, ...] = ()
    trusted_networks: tuple[Cidr, ...] = ()
    """Networks whose forwarded traffic (of containers) the firewall lets through."""
    revert_after: int = Field(default=30, ge=10)
    """Seconds after which the host takes back a change of sshd or firewall that no new connection has confirmed."""
    sshd_port: Port = 22
    allow_root: bool = False
    """Root may log in, with a key (appliances such as Proxmox want it)."""

    @field_validator("admin_keys")
    @classmethod
    def _ed25519(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if not re.match(_KEY, key):
                raise ValueError(f'"{key[:24]}" is not an ed25519 public key; make one with ssh-keygen -t ed25519')
        return keys

    @property
    def admins(self) -> tuple[User, ...]:
        """The accounts that can log in."""
        return tuple(user for user in self.users if user.admin)

    @property
    def secrets(self) -> dict[str, SecretSpec]:
        """Secrets that the host's own tasks need, by name: without those of its services and backups."""
        if self.watch is None:
            return {}
        return {spec.name: spec for spec in (TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID)}


class StackHost(Host):
    """A host that can have a compose project; without services it has none, nor an engine."""

    stack: StackSettings | None = None
    services: tuple[Name, ...] = ()
    """What runs here: names of estate/services; taking one out stops and removes it, its data stay."""
    images: dict[Name, str] = Field(default_factory=dict)
    """Other images than the declared ones, by service (the seed's versions, say)."""
    limits: dict[Name, LimitsChange] = Field(default_factory=dict)
    """Other limits than the declared ones, by service (of a smaller machine, say)."""
    docker: DockerSettings = DockerSettings()
    tls: Tls | None = None
    """Where Caddy gets certificates from; None where it does not run."""
    backups: BackupSettings | None = None
    """Where the backups go; None only when no service declares one."""

    @property
    def has_stack(self) -> bool:
        """Whether an engine and a compose project belong to it."""
        return bool(self.services)


class MainframeHost(StackHost):
    """The bare-metal machine with the core services."""

    stack: StackSettings
    services: tuple[Name, ...]
    tls: Tls
    headscale: HeadscaleSettings | None = None
    docs: DocsSettings = DocsSettings()
    secret_store: SecretStore | None = None
    """Where the secrets are kept; None (only without the infisical service): in the sealed file alone."""

    @property
    def has_stack(self) -> bool:
        """Always: without services its project is empty."""
        return True


class ProxmoxHost(Host):
    """A Proxmox VE node; what the whole cluster shares is written by its leader."""

    leader: Name
    """The node that writes storages, backup jobs, realms, access lists and the cluster's firewall."""
    adopted: bool = True
    """Whether what Proxmox manages is ours; until then the node has its base only (docs/homelab.md)."""
    repository: Literal["no-subscription", "enterprise", "none"] = "no-subscription"
    """Proxmox's own packages; none: they come from somewhere else."""
    release: Name = "trixie"
    """Debian's name of the release: Proxmox VE 9 is trixie."""
    capacity: dict[Name, Size] = Field(default_factory=dict)
    """What of each storage containers may be given on this node, by the storage's name."""
    storages: tuple[Storage, ...] = ()
    templates: tuple[Template, ...] = ()
    """Kept on the node, so that a container can be made while the internet is away."""
    template_storage: Name = "local"
    guest_firewall: PveFirewall | None = None
    """Proxmox's own firewall, of nodes and containers; None: left as it is."""
    backup_jobs: tuple[BackupJob, ...] = ()
    realms: tuple[OpenIdRealm, ...] = ()
    access: PveAccess = PveAccess()

    @property
    def leads(self) -> bool:
        """Whether this node writes what the cluster shares."""
        return self.name == self.leader

    @property
    def secrets(self) -> dict[str, SecretSpec]:
        """The secrets of its realms, once they are ours."""
        if not self.adopted:
            return super().secrets
        specs = [
            SecretSpec(
                name=realm.client_secret,
                kind=SecretKind.PASSWORD,
                purpose=f"OpenID client of Proxmox's realm {realm.name}",
                length=64,
            )
            for realm in self.realms
        ]
        return super().secrets | {spec.name: spec for spec in specs}


class NasHost(Host):
    """The NFS store (OpenMediaVault)."""


class HomelabHost(StackHost):
    """A container on a Proxmox node."""

    vmid: int = Field(ge=100, le=999_999_999)
    node: Name
    rootfs: Rootfs
    network: ContainerNetwork
    swap: Swap = 512 * 1024**2
    features: tuple[Feature, ...] = ()
    """Docker wants nesting and keyctl."""
    mounts: tuple[Mount, ...] = ()
    start: StartOrder = StartOrder()
    start_at_boot: bool = True
    running: bool = True
    protection: bool = True
    """Proxmox refuses to destroy it."""
    unprivileged: bool = True
    template: Template = "debian-12-standard"
    template_storage: Name = "local"
    nameserver: str = ""
    """Addresses, with spaces between them; empty: the node's own."""
    search_domain: HostName | None = None
    timezone: str = Field(default="host", pattern=r"^[A-Za-z0-9_/+-]*$")
    """Empty: left as it is."""
    description: OneLine = ""
    internal_networks: tuple[Cidr, ...] = ()
    """Networks whose logins are "inside" (docs/sso.md); Authentik's host wants them."""
    postgres: PostgresSettings | None = None
    """Its PostgreSQL, when it is the host that has the shared one."""

    @property
    def secrets(self) -> dict[str, SecretSpec]:
        """The passwords of the roles that it serves."""
        roles = {d.password.name: d.password for d in self.postgres.databases} if self.postgres else {}
        return super().secrets | roles

    @property
    def cores(self) -> int:
        """What Proxmox gives it: whole cores."""
        return math.ceil(self.resources.cpus)


class VpsHost(StackHost):
    """The small public edge of the homelab."""

    public_address: Ipv4 | None = None
    """Where its names lead to (`estate vps dns`)."""
    reserve: Reserve = Reserve()
    """What the limits of its services leave to the system."""
    swap: Size | None = None
    """Bytes of swap in a file; a container has that of its machine."""
    pangolin: PangolinSettings | None = None
    fail2ban: Fail2ban | None = None


class EdgeHost(Host):
    """A node of the edge fleet: the whole mesh, and by its name which of the nodes it is."""

    system: Literal["debian", "nixos"] = "nixos"
    mesh: Mesh

    @property
    def node(self) -> Node:
        """Its line in the list of nodes."""
        return self.mesh.node(self.name)

    @property
    def is_hub(self) -> bool:
        """Whether the others connect to it."""
        return self.node.role == "hub"


GROUPS: dict[str, type[Host]] = {
    "mainframe": MainframeHost,
    "proxmox": ProxmoxHost,
    "nas": NasHost,
    "homelab": HomelabHost,
    "vps": VpsHost,
    "edge": EdgeHost,
}
"""The inventory's groups and the model that their hosts' data must fit."""
