"""What one fact read of a host: the counterpart of `Desired`."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PathState:
    """A path as it is: type ("file", "directory", …), mode, owner and group by name and number."""

    type: str
    mode: int
    owner: tuple[str, str]
    group: tuple[str, str]
    digest: str = ""

    def owned_by(self, owner: str, group: str) -> bool:
        """Whether owner and group (a name or a number each) are these."""
        return owner in self.owner and group in self.group


@dataclass(frozen=True)
class AccountState:
    """An account as it is."""

    uid: int
    gid: int
    shell: str
    groups: frozenset[str]


@dataclass(frozen=True)
class UnitState:
    """A systemd unit as it is: `enabled` is its unit file state, `active` its active state."""

    enabled: str
    active: str


@dataclass(frozen=True)
class ContainerState:
    """A container of the project: `inputs` is the label that says what it was made from."""

    service: str
    name: str
    image: str
    status: str
    health: str
    inputs: dict[str, str]


@dataclass(frozen=True)
class HostState:
    """Everything that one task asked about."""

    packages: frozenset[str] = frozenset()
    accounts: dict[str, AccountState] = field(default_factory=dict)
    paths: dict[str, PathState] = field(default_factory=dict)
    units: dict[str, UnitState] = field(default_factory=dict)
    sysctl: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    manifest: dict[str, str] = field(default_factory=dict)
    """The task's files as the last deploy left them: path and digest."""
    containers: dict[str, ContainerState] = field(default_factory=dict)
    """The project's containers by service; one that was started by hand counts by its own name."""

    def edited(self, path: str) -> bool:
        """Whether a file that we left on the host is another one now."""
        there, ours = self.paths.get(path), self.manifest.get(path)
        return bool(ours) and there is not None and there.digest != ours
