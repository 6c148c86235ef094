"""The stand-in for Proxmox on nodes in a directory, with containers that are a dictionary."""

import json
import shutil
import tarfile
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path

from lab.standins.proxmox import cluster, templates
from lab.standins.proxmox.__main__ import TOOLS
from lab.standins.proxmox.backend import Limits, Usage
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

TEMPLATE = "debian-12-standard_12.12-1_amd64.tar.zst"
OSTEMPLATE = f"local:vztmpl/{TEMPLATE}"
NET0 = "name=eth0,bridge=vmbr0,ip=10.99.0.41/24,gw=10.99.0.1"
NODES = (cluster.Member("dl380p", 1, "10.99.0.31"), cluster.Member("i5", 2, "10.99.0.32"))


@dataclass
class FakeLxc:
    """A machine without LXC: an image is a file whose text names a folder with the container's files."""

    base: Path
    running: dict[int, Limits] = field(default_factory=dict)
    configs: dict[int, str] = field(default_factory=dict)
    mounts: dict[Path, Path] = field(default_factory=dict)
    frozen: set[int] = field(default_factory=set)
    attached: list[tuple[int, list[str], bool]] = field(default_factory=list)
    plugged: list[str] = field(default_factory=list)
    remotes: list[tuple[str, list[str]]] = field(default_factory=list)
    remote_status: int = 0
    fail_unpack: bool = False
    ignores_shutdown: bool = False
    loaded: list[str] = field(default_factory=list)
    services: list[tuple[str, str]] = field(default_factory=list)

    def root(self, vmid: int) -> Path:
        return self.base / "var/lib/lxc" / str(vmid) / "rootfs"

    def usage(self, vmid: int) -> Usage | None:
        return Usage(4711, 50 * 1024**2, 10) if vmid in self.running else None

    def start(self, vmid: int, config: str, limits: Limits) -> None:
        self.running[vmid], self.configs[vmid] = limits, config

    def stop(self, vmid: int, timeout: int | None) -> bool:
        if timeout is not None and self.ignores_shutdown:
            return False
        self.running.pop(vmid, None)
        return True

    def freeze(self, vmid: int, frozen: bool) -> None:
        (self.frozen.add if frozen else self.frozen.discard)(vmid)

    def limit(self, vmid: int, limits: Limits) -> None:
        self.running[vmid] = limits

    def make_image(self, path: Path, size: int, owner: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as image:
            image.truncate(size)
        self._files(path).mkdir(parents=True)

    def _files(self, image: Path) -> Path:
        return image.with_name(f"files-of-{image.name}")

    def grow_image(self, path: Path, size: int, mounted: Path | None) -> None:
        with path.open("r+b") as image:
            image.truncate(size)

    def copy_image(self, source: Path, target: Path) -> None:
        with target.open("wb") as image:
            image.truncate(source.stat().st_size)
        shutil.rmtree(self._files(target), ignore_errors=True)
        shutil.copytree(self._files(source), self._files(target))

    def mount(self, image: Path, target: Path, read_only: bool = False) -> None:
        self.mounts[target] = image
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_symlink():
            target.rmdir()
        target.unlink(missing_ok=True)
        target.symlink_to(image if image.is_dir() else self._files(image))

    def unmount(self, target: Path) -> None:
        for path in [path for path in self.mounts if path.is_relative_to(target)]:
            del self.mounts[path]
            path.unlink(missing_ok=True)

    def plug(self, vmid: int, source: Path, target: str) -> None:
        self.plugged.append(target)

    def mounted(self, target: Path) -> bool:
        return target in self.mounts

    def unpack(self, archive: Path, root: Path, owner: int, exclude: Sequence[str] = ()) -> None:
        if self.fail_unpack:
            raise PveError("command 'tar xp …' failed: No space left on device")
        with tarfile.open(archive) as tar:
            tar.extractall(root, filter="data")

    def pack(self, root: Path, archive: Path, owner: int, compress: str, exclude: Sequence[str]) -> None:
        with tarfile.open(archive, "w") as tar:
            tar.add(root.resolve(), arcname=".")

    def attach(self, vmid: int, argv: Sequence[str], keep_env: bool) -> int:
        self.attached.append((vmid, list(argv), keep_env))
        return 0 if argv[0] != "false" else 1

    def push(self, vmid: int, source: Path, target: str, mode: str, owner: str) -> int:
        self.attached.append((vmid, ["push", str(source), target, mode, owner], False))
        return 0

    def pull(self, vmid: int, source: str, target: Path, mode: str, owner: str) -> int:
        return 0

    def remote(self, node: str, address: str, argv: Sequence[str], stdin: Path | None = None) -> int:
        self.remotes.append((node, [*argv, *([f"<{stdin.name}"] if stdin else [])]))
        return self.remote_status

    def host_key(self, kind: str, comment: str) -> tuple[bytes, bytes]:
        return b"private", f"ssh-{kind} AAAA {comment}\n".encode()

    def nft(self, text: str) -> None:
        self.loaded.append(text)

    def table(self, name: str) -> str:
        return self.loaded[-1].partition(f"delete table inet {name}\n")[2] if self.loaded else ""

    def service(self, verb: str, unit: str) -> int:
        self.services.append((verb, unit))
        return 0

    def space(self, path: Path) -> tuple[int, int]:
        return 100 * 1024**3, 60 * 1024**3


@dataclass
class Said:
    """How a tool ended, and what it said."""

    status: int
    out: str
    err: str

    def json(self):
        """What it printed, as JSON."""
        return json.loads(self.out)


class Pve:
    """A node of the lab's cluster, its tools by name."""

    def __init__(self, folder: Path, clustered: bool = True) -> None:
        self.backend = FakeLxc(folder)
        self.answers: set[tuple[str, int]] = {("10.99.0.32", 8006), ("10.99.0.33", 22)}
        self.clock = datetime(2026, 11, 22, 4, 0, 0)
        self.said: list[str] = []
        self.node = Node(
            "dl380p", self.backend, folder, lambda a, p: (a, p) in self.answers, lambda: self.clock, self.said.append
        )
        (self.node.pve / "nodes/dl380p/lxc").mkdir(parents=True)
        (self.node.root / "etc").mkdir(exist_ok=True)
        machine = {"cpus": 32, "memory": 96 * 1024**3, "thinpool": 500 * 1024**3, "nameservers": ["10.99.0.6"]}
        (self.node.root / "etc/estate-lab").mkdir()
        (self.node.root / "etc/estate-lab/proxmox.json").write_text(json.dumps(machine))
        if clustered:
            (self.node.pve / "corosync.conf").write_text(cluster.render("homelab", NODES))
        self._template(folder / templates.ARCHIVES / TEMPLATE)

    def _template(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        tree = path.parent / "tree"
        (tree / "usr/sbin").mkdir(parents=True)
        (tree / "etc/ssh").mkdir(parents=True)
        (tree / "etc/debian_version").write_text("13.1\n")
        with tarfile.open(path, "w") as tar:
            tar.add(tree, arcname=".")
        shutil.rmtree(tree)

    def lose_quorum(self) -> None:
        """The other node is gone."""
        self.answers.discard(("10.99.0.32", 8006))

    def run(self, tool: str, *argv: str) -> Said:
        """Run a tool with words."""
        self.said.clear()
        errors = StringIO()
        with redirect_stderr(errors):
            status = TOOLS[tool](self.node, list(argv))
        return Said(status, "\n".join(self.said), errors.getvalue())

    def ok(self, tool: str, *argv: str) -> Said:
        """Run a tool that has to succeed."""
        said = self.run(tool, *argv)
        assert said.status == 0, said.err
        return said

    def with_template(self) -> "Pve":
        """The template is downloaded."""
        self.ok("pveam", "update")
        self.ok("pveam", "download", "local", TEMPLATE)
        return self

    def create(self, vmid: int = 141, **settings: str) -> Said:
        """Make a container as documented."""
        given = {"hostname": "postgres", "cores": "2", "memory": "4096", "rootfs": "local-lvm:20", "net0": NET0}
        words = [word for key, value in (given | settings).items() for word in (f"--{key.replace('_', '-')}", value)]
        return self.run("pct", "create", str(vmid), OSTEMPLATE, *words)
