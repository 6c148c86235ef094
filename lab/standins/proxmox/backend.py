"""What the stand-in asks of the machine: containers, images, archives. The tests have one without a host."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SHIFT = 100000
"""The user ID on the node that is root in an unprivileged container."""


@dataclass(frozen=True)
class Limits:
    """What a container may use: bytes, and processor time as a number of cores; 0 cores: no limit."""

    memory: int
    swap: int
    cores: float


@dataclass(frozen=True)
class Usage:
    """What a running container uses."""

    pid: int
    memory: int
    uptime: int


class Backend(Protocol):
    """Real: lxc.py. In tests: a dictionary."""

    def usage(self, vmid: int) -> Usage | None:
        """A running container's process and use; None when it does not run."""

    def start(self, vmid: int, config: str, limits: Limits) -> None:
        """Start a container whose root is mounted. Raises PveError."""

    def stop(self, vmid: int, timeout: int | None) -> bool:
        """End it: at once for None, else by a clean shutdown within seconds; False when that did not end it."""

    def freeze(self, vmid: int, frozen: bool) -> None:
        """Halt its processes, or let them go on."""

    def limit(self, vmid: int, limits: Limits) -> None:
        """Change a running container's limits."""

    def root(self, vmid: int) -> Path:
        """Where its root is or will be mounted."""

    def make_image(self, path: Path, size: int, owner: int) -> None:
        """An empty file system of a size, whose root belongs to a user ID."""

    def grow_image(self, path: Path, size: int, mounted: Path | None) -> None:
        """Make it larger, also while it is mounted."""

    def copy_image(self, source: Path, target: Path) -> None:
        """Copy an image with its holes. Raises PveError when the disk is full."""

    def mount(self, image: Path, target: Path, read_only: bool = False) -> None:
        """Mount an image, or bind a directory."""

    def unmount(self, target: Path) -> None:
        """Unmount it with all that is mounted below; nothing when nothing is."""

    def plug(self, vmid: int, source: Path, target: str) -> None:
        """Mount in a running container what the node has mounted at a path. Raises PveError."""

    def mounted(self, target: Path) -> bool:
        """Whether something is mounted there."""

    def unpack(self, archive: Path, root: Path, owner: int, exclude: Sequence[str] = ()) -> None:
        """Unpack an archive with its owners, shifted. Raises PveError."""

    def pack(self, root: Path, archive: Path, owner: int, compress: str, exclude: Sequence[str]) -> None:
        """Pack a root with its owners, shifted back. Raises PveError."""

    def attach(self, vmid: int, argv: Sequence[str], keep_env: bool) -> int:
        """Run a command in a running container with this process's input and output; its status."""

    def push(self, vmid: int, source: Path, target: str, mode: str, owner: str) -> int:
        """Copy a file into a running container, written by the container's own root; the status."""

    def pull(self, vmid: int, source: str, target: Path, mode: str, owner: str) -> int:
        """Copy a file out of a running container; the status."""

    def remote(self, node: str, address: str, argv: Sequence[str], stdin: Path | None = None) -> int:
        """Run a command on another node as root over SSH, with the tar stream of a file as its input; its status."""

    def host_key(self, kind: str, comment: str) -> tuple[bytes, bytes]:
        """A new SSH key, private and public, made on the node: the container's own programs are not run."""

    def space(self, path: Path) -> tuple[int, int]:
        """Bytes of the file system that holds a path: total, and available."""

    def nft(self, text: str) -> None:
        """Load rules of the node's packet filter in one transaction. Raises PveError."""

    def table(self, name: str) -> str:
        """A table of the packet filter as it is; empty when there is none."""

    def service(self, verb: str, unit: str) -> int:
        """Have systemd do something with a unit of the node; the status."""
