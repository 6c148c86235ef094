"""What one fact read of a Proxmox node: the counterpart of ProxmoxHost and HomelabHost."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Values = Mapping[str, str]
"""A configuration as the API lists it: every value as text."""


@dataclass(frozen=True)
class Guest:
    """A container or virtual machine of the cluster: what it has and what it uses (bytes, share of its cores)."""

    vmid: int
    name: str
    node: str
    kind: str
    status: str
    lock: str = ""
    cores: float = 0
    cpu: float = 0
    memory: int = 0
    memory_used: int = 0
    disk: int = 0
    disk_used: int = 0


@dataclass(frozen=True)
class StorageStatus:
    """A storage as the node sees it now, in bytes."""

    active: bool
    free: int
    total: int


@dataclass(frozen=True)
class Inside:
    """A running container seen from within: whether sshd is there, which admins have a key, its host keys."""

    sshd: bool = False
    admins: frozenset[str] = frozenset()
    host_keys: tuple[str, ...] = ()
    """Public, "type base64"."""


@dataclass(frozen=True)
class PveState:
    """A node, and what it sees of its cluster.

    + error: why nothing could be read; empty when all was
    + clustered, quorate: whether the node is in a cluster, and whether that may write
    + guests: of the whole cluster; + configs: of this node's containers, pending changes left out
    """

    node: str = ""
    error: str = ""
    version: str = ""
    clustered: bool = False
    quorate: bool = True
    cores: int = 0
    memory: int = 0
    nodes: Mapping[str, str] = field(default_factory=dict)
    guests: Mapping[int, Guest] = field(default_factory=dict)
    configs: Mapping[int, Values] = field(default_factory=dict)
    inside: Mapping[int, Inside] = field(default_factory=dict)
    storages: Mapping[str, Values] = field(default_factory=dict)
    storage_status: Mapping[str, StorageStatus] = field(default_factory=dict)
    available: tuple[str, ...] = ()
    downloaded: tuple[str, ...] = ()
    jobs: Mapping[str, Values] = field(default_factory=dict)
    realms: Mapping[str, Values] = field(default_factory=dict)
    """`client-key` is its SHA-256 here: the node tells no secret."""
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, Values] = field(default_factory=dict)
    users: Mapping[str, Values] = field(default_factory=dict)
    tokens: Mapping[str, Values] = field(default_factory=dict)
    kept_tokens: frozenset[str] = frozenset()
    """Tokens whose value lies on the node."""
    acl: frozenset[tuple[str, str, str, str, bool]] = frozenset()
    """Path, kind and name of the subject, role, propagate."""

    @property
    def alone(self) -> bool:
        """Whether the node is in no cluster, so that nobody else writes what is shared."""
        return not self.clustered

    def here(self, vmid: int) -> Guest | None:
        """The guest, if it is on this node."""
        guest = self.guests.get(vmid)
        return guest if guest is not None and guest.node == self.node else None
