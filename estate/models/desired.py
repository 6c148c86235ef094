"""What a host should be like, as data: files, packages, users, units, kernel settings, handlers.

A task renders one `Desired`; one fact reads all that it names; the difference is the plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

STATE_DIR = "/var/lib/estate"
"""Where a host keeps what we know of it: the manifests of trees, the stamps of handlers."""

MaskStyle = Literal["", "whole", "dotenv"]


@dataclass(frozen=True)
class File:
    """A managed file. Owner and group are names or numbers; `mask` says how its diff hides secrets."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    mask: MaskStyle = ""

    @property
    def digest(self) -> str:
        """The sha256 of the content, in hex."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Directory:
    """A managed directory; what else lies in it is left alone."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    recurse: bool = False
    """Give the owner to everything below when the directory itself has another one."""


Node = File | Directory


@dataclass(frozen=True)
class Tree:
    """Files and directories, sorted by path, each path once."""

    nodes: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        by_path = {node.path: node for node in self.nodes}
        if len(by_path) != len(self.nodes):
            paths = [node.path for node in self.nodes]
            twice = sorted({path for path in paths if paths.count(path) > 1})
            raise ValueError(f"rendered twice: {', '.join(twice)}")
        object.__setattr__(self, "nodes", tuple(by_path[path] for path in sorted(by_path)))

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def files(self) -> tuple[File, ...]:
        """Only the files."""
        return tuple(node for node in self.nodes if isinstance(node, File))

    @property
    def directories(self) -> tuple[Directory, ...]:
        """Only the directories, parents first."""
        return tuple(node for node in self.nodes if isinstance(node, Directory))

    @property
    def digest(self) -> str:
        """One digest over paths, contents, modes and owners."""
        total = sha256()
        for node in self.nodes:
            content = node.digest if isinstance(node, File) else "directory"
            total.update(f"{node.path}\0{content}\0{node.mode:o}\0{node.owner}\0{node.group}\n".encode())
        return total.hexdigest()


@dataclass(frozen=True)
class Account:
    """A login or service account; groups are supplementary."""

    name: str
    uid: int | None = None
    gid: int | None = None
    shell: str = "/bin/bash"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A systemd unit that is to be enabled and running, or neither."""

    name: str
    running: bool = True


@dataclass(frozen=True)
class Guard:
    """How a change that could lock the operator out is taken back by the host itself (docs/decisions/0013).

    + save: a command whose output is kept before the change, as $saved
    + undo: what makes the old configuration the running one again, after its files are back
    """

    undo: str
    save: str = ":"


@dataclass(frozen=True)
class Handler:
    """A command that makes configuration the running one.

    It runs when the digest of what it applies is not the one stamped on the host, and the stamp is
    written only after it succeeded: a failed reload is still pending in the next plan. Two things make
    a stamp worthless: one of `paths` was not as declared (somebody may have applied that), and a
    `probe` that fails on the host (the table is gone, the setting was lost).
    """

    name: str
    command: str
    digest: str
    paths: tuple[str, ...] = ()
    probe: str = ""
    guard: Guard | None = None

    @property
    def stamp(self) -> str:
        """The file that holds the digest of what was applied last."""
        return f"{STATE_DIR}/applied/{self.name}"


@dataclass(frozen=True)
class Desired:
    """All that one task manages on one host."""

    task: str
    packages: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    tree: Tree = field(default_factory=Tree)
    units: tuple[Unit, ...] = ()
    sysctl: tuple[tuple[str, str], ...] = ()
    handlers: tuple[Handler, ...] = ()

    @property
    def manifest(self) -> File:
        """The list of the task's files, and what they held when we left them.

        Kept on the host so that what we no longer render is removed, and what somebody else wrote is recognised.
        """
        lines = "".join(f"{file.path}\t{file.digest}\n" for file in self.tree.files)
        return File(f"{STATE_DIR}/trees/{self.task}", lines.encode(), mode=0o600)
