"""What `estate edge status` works on and comes to (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from estate.edge.status_facts import Facts
from estate.models.edge import Mesh, Node, Wave

State = Literal["current", "behind", "rolled back", "installing", "away"]
CLOCK = 5.0
"""Seconds that a node's clock may be off."""
DAY = 86400.0
ROTATION = 100 * DAY
"""Seconds after which a WireGuard key is to be rotated: every quarter, and some days to get round to it."""
UPDATE = 21 * DAY
"""Seconds after which a node has missed its weekly update more than once."""
SILENT = 300.0
"""Seconds without a handshake after which a tunnel is dead: sessions are renewed every two minutes (wireguard.com)."""


@dataclass(frozen=True)
class Routine:
    """A job that is done by a timer; `every` in seconds."""

    unit: str
    title: str
    every: float


GC = Routine("estate-gc", "garbage collection", 7 * DAY)
CHECK = Routine("vault-check", "integrity check", 7 * DAY)
BACKUP = Routine("vault-backup", "backup", DAY)
OFFSITE = Routine("vault-offsite", "copy of the backups to another place", DAY)
ROUTINE = (GC, CHECK, BACKUP)
"""What every node does."""


def routine_of(mesh: Mesh, node: Node) -> tuple[Routine, ...]:
    """What this node does by timers."""
    return (*ROUTINE, OFFSITE) if node.role == "hub" and mesh.offsite else ROUTINE


@dataclass(frozen=True)
class Declared:
    """What a node is to run: the digest of its configuration, and its release's directory."""

    configuration: str
    release: str


@dataclass(frozen=True)
class Look:
    """What came of asking a node.

    + asked, answered: by our own clock, seconds since 1970
    + why: it could not be asked
    + public: what its public name answered, a status or why there is none; asked when the node itself could not be
    """

    asked: float
    answered: float
    facts: Facts | None = None
    why: str = ""
    public: str = ""


@dataclass(frozen=True)
class Sweep:
    """One look at the whole fleet.

    + bridge: the push bridge's /status; None when it did not answer, for the reason `silence`
    """

    at: float
    looks: Mapping[str, Look]
    bridge: Mapping[str, Any] | None = None
    silence: str = ""


@dataclass(frozen=True)
class Row:
    """A node. Ages and the clock's offset are seconds; None is "not known".

    + ill: what is wrong; notes: what is only worth knowing
    + remembered: it could not be asked: the values are of its last push, `health` is what its customers get
    """

    name: str
    role: str
    wave: Wave
    state: State
    optional: bool = False
    ill: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remembered: bool = False
    generation: int | None = None
    store_path: str = ""
    release: str = ""
    version: str = ""
    health: str = ""
    cert_days: float | None = None
    database: str = ""
    disk: float | None = None
    push_age: float | None = None
    handshake_age: float | None = None
    backup_age: float | None = None
    check_age: float | None = None
    gc_age: float | None = None
    clock: float | None = None
