"""The edge fleet: one list of nodes, and the WireGuard mesh that they are managed through."""

from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from estate.models.base import Cidr, Frozen, HostName, Name, Port, SecretName

WireGuardKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
"""A public key: 32 bytes in base64."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Wave = Literal["canary", "early", "rest", "hub"]
Build = Literal["hub", "controller", "node"]
Provider = Literal["hostkey", "vultr"]


class Node(Frozen):
    """One machine of the fleet; everything else about it follows from this and from the mesh.

    + index: the last byte of its WireGuard address
    + region, plan: the provider's ids (estate/edge/plans.py knows the plans)
    + price: USD a month, when it is not the plan's (a machine that is paid for already)
    + address: its public IPv4 address, when DNS need not be asked (a machine that is adopted)
    + endpoint: where it finds the hub, host:port, when that is not where the others do
    + wave: None: "early" or "rest", by its place in the list
    + build: where its generation is built; the hub's own is built on itself, or on the controller
    """

    name: Name
    index: int = Field(ge=1, le=239)
    city: str
    provider: Provider = "vultr"
    region: str
    plan: str
    price: float | None = Field(default=None, ge=0)
    address: str = ""
    endpoint: str = ""
    role: Literal["hub", "spoke"] = "spoke"
    wave: Wave | None = None
    build: Build = "hub"
    optional: bool = False


class Operator(Frozen):
    """A laptop that manages the fleet: a peer of the hub, the only kind that the hub forwards for.

    + index: the last byte of its WireGuard address, 240 to 254
    """

    name: Name
    index: int = Field(ge=240, le=254)
    public_key: WireGuardKey


class Release(Frozen):
    """The clavitor binary that every node runs.

    + path: the artifact on the controller, relative to the repository
    + signature: a detached minisign signature beside it, checked against `public_key` when given
    + schema: raised when the database of this release cannot be read by the one before
    """

    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,40}$")
    sha256: Sha256
    path: str
    public_key: str = ""
    schema_version: int = Field(default=1, ge=1)


class Rollout(Frozen):
    """How a change goes through the fleet.

    + early: the share of the nodes in the second wave, in percent
    + at_once: most nodes of a wave that switch at the same time
    + soak: seconds that a finished wave is watched before the next one starts
    + health_timeout: seconds for SSH, service, HTTPS and telemetry of a switched node to be well
    + steady: seconds that the service has to run without a restart before it counts as well
    + error_factor: how many times the error rate of before is too much
    + revert_after: seconds after which a node takes a switch back that nobody has confirmed
    """

    early: int = Field(default=25, ge=1, le=100)
    at_once: int = Field(default=4, ge=1)
    soak: int = Field(default=60, ge=0)
    health_timeout: int = Field(default=90, ge=5)
    steady: int = Field(default=15, ge=0)
    error_factor: float = Field(default=2.0, ge=1)
    revert_after: int = Field(default=180, ge=15)


class Telemetry(Frozen):
    """What the nodes push, how often (seconds), and from when on it is an alarm (seconds without a push)."""

    interval: int = Field(default=30, ge=1)
    sev2_after: int = Field(default=60, ge=2)
    sev1_after: int = Field(default=300, ge=5)
    cert_days: int = Field(default=14, ge=0)
    disk_percent: int = Field(default=85, ge=1, le=100)
    error_percent: float = Field(default=5.0, gt=0)


class BreakGlass(Frozen):
    """The way in when the hub is gone: a specialisation that is switched to at the provider's console.

    + keys: public ed25519 keys, other than the everyday ones
    + sources: addresses that may use them, as networks
    """

    keys: tuple[str, ...] = ()
    sources: tuple[Cidr, ...] = ()


class Offsite(Frozen):
    """Where the hub sends the nodes' backups, beside keeping them itself; whoever writes there need not delete.

    + kind: Backblaze B2 by its own API, or a store that speaks S3
    + bucket, folder: they lie in BUCKET/FOLDER/NODE/
    + endpoint, region: of a store that speaks S3
    """

    kind: Literal["b2", "s3"] = "b2"
    bucket: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.-]{4,61}[a-zA-Z0-9]$")
    folder: str = Field(default="vaults", pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")
    endpoint: str = Field(default="", pattern=r"^(https?://[^\s/]+)?$")
    region: str = Field(default="", pattern=r"^[a-z0-9-]*$")

    @model_validator(mode="after")
    def _s3_has_an_endpoint(self) -> Self:
        if (self.kind == "s3") != bool(self.endpoint):
            raise ValueError("kind s3 takes an endpoint (https://…), kind b2 takes none")
        return self


class FirstBoot(Frozen):
    """What turns a provider's Debian into NixOS, pinned.

    + infect_sha256: of elitak/nixos-infect's file at that commit (2026-01-21), taken from its repository
    + nix_sha256: of Nix's installer, as ten public repositories pin it; it checks the digest of what it fetches itself
    + disk_mb: free on /: a closure, the channel that it is evaluated from, swap
    + swap_mb: 0: none is made (a container cannot)
    + root_label: which Debian's root file system gets, as files/nixos/hardware.nix finds it by that; empty: none (a
      container has no file system of its own)
    """

    infect_commit: str = Field(default="7563801d3ae68c975e4027f4e31a3906dca95f30", pattern=r"^[0-9a-f]{40}$")
    infect_sha256: Sha256 = "4cc3b5f8e4333ab4f02906d80a836c1b36e2887a51abf4eba4d9113b33934393"
    nix_url: str = Field(default="https://releases.nixos.org/nix/nix-2.35.2/install", pattern=r"^https://")
    nix_sha256: Sha256 = "9adda97297d9e8ab360df95c729eabff4f4f93d6db091953c3a68f29e3fb130c"
    disk_mb: int = Field(default=7000, ge=1)
    swap_mb: int = Field(default=2048, ge=0)
    firmware: Literal["bios", "any"] = "bios"
    root_label: str = Field(default="nixos", pattern=r"^[A-Za-z0-9_-]{0,16}$")


class Provisioning(Frozen):
    """How machines are ordered, and how they become NixOS.

    + route: a fresh Debian is converted on the node, or an image is built centrally, which small machines need
    + debian: the release that is converted; 12, as 13 keeps /tmp in memory
    + snapshot: Vultr's id of the image's snapshot (`estate edge image` prints how to make one)
    + patience: seconds for an ordered machine to run
    """

    route: Literal["infect", "image"] = "infect"
    debian: Literal[12, 13] = 12
    snapshot: str = ""
    patience: int = Field(default=600, ge=10)


class Mesh(Frozen):
    """The fleet as a whole."""

    domain: HostName
    nodes: tuple[Node, ...] = Field(min_length=1)
    subnet: Cidr = "10.84.0.0/24"
    interface: Name = "wg0"
    port: Port = 51820
    keepalive: int = Field(default=25, ge=0)
    endpoint: str = ""
    """Where spokes find the hub, a name or an address; empty: its declared address, else its public name."""
    operators: tuple[Operator, ...] = ()
    preshared_keys: bool = False
    nixos: str = Field(default="26.05", pattern=r"^\d\d\.(05|11)$")
    state_version: str = Field(default="26.05", pattern=r"^\d\d\.(05|11)$")
    nixpkgs: str = ""
    """Where Nixpkgs is taken from: a path, or the URL of an archive of one commit; empty: the release's channel."""
    controller_nixpkgs: str = ""
    """Where the controller takes Nixpkgs from, when not where the nodes do."""
    cache_key: str = ""
    """The public key that the hub signs generations with; learned with the WireGuard keys."""
    generations: int = Field(default=3, ge=3)
    """Generations and releases that a node keeps: 2 would leave no way back after a failed switch."""
    budget: float = Field(default=100, gt=0)
    """USD a month."""
    release: Release
    rollout: Rollout = Rollout()
    telemetry: Telemetry = Telemetry()
    break_glass: BreakGlass = BreakGlass()
    offsite: Offsite | None = None
    """None: the nodes' backups are on the hub's disk and nowhere else."""
    first_boot: FirstBoot = FirstBoot()
    provisioning: Provisioning = Provisioning()
    first_login: Name = "root"
    """Whom a provider's fresh machine lets in with our key."""
    acme_directory: str = ""
    acme_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    push_seed: SecretName = "EDGE_PUSH_SEED"
    depot_port: Port = 8480
    bridge_port: Port = 8490
    kuma_port: Port = 3001

    @model_validator(mode="after")
    def _one_hub(self) -> Self:
        hubs = [node.name for node in self.nodes if node.role == "hub"]
        if len(hubs) != 1:
            raise ValueError(f"exactly one node is the hub, not {len(hubs)}; give one of them role = hub")
        return self

    @property
    def nixpkgs_source(self) -> str:
        """Where the nodes take Nixpkgs from, in Nix's words."""
        return self.nixpkgs or f"channel:nixos-{self.nixos}"

    @property
    def hub(self) -> Node:
        """The node that the others connect to."""
        return next(node for node in self.nodes if node.role == "hub")

    @property
    def spokes(self) -> tuple[Node, ...]:
        """All but the hub."""
        return tuple(node for node in self.nodes if node.role == "spoke")

    def node(self, name: str) -> Node:
        """The node of this name. Raises KeyError when there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def address(self, peer: Node | Operator) -> str:
        """The peer's address in the mesh."""
        return str(IPv4Network(self.subnet)[peer.index])

    def public_name(self, node: Node) -> str:
        """The node's name for its users."""
        return f"{node.name}.{self.domain}"

    def endpoint_of(self, node: Node) -> str:
        """Where this spoke finds the hub: host:port."""
        return node.endpoint or self.hub_endpoint

    @property
    def hub_endpoint(self) -> str:
        """Where spokes find the hub: host:port."""
        return f"{self.endpoint or self.hub.address or self.public_name(self.hub)}:{self.port}"
