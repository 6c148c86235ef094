"""What Proxmox writes into a container's root: name, hosts, DNS, time zone, SSH keys; and what the lab adds."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lab.standins.proxmox import propstr
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

CARRIED = "usr/share/estate-lab/guest"
"""What the lab puts into every container beside the template: its authorities, its way to Debian's packages."""
_KEYS = ("rsa", "ecdsa", "ed25519")
_BEGIN, _END = "# --- BEGIN PVE ---", "# --- END PVE ---"


class Root:
    """A container's mounted root: files are written below it and nowhere else, and belong to its own root."""

    def __init__(self, path: Path, owner: int) -> None:
        self.path = path.resolve()
        self.owner = owner

    def write(self, name: str, text: str | bytes, mode: int = 0o644) -> None:
        """Write one file, with the directories that it lies in."""
        target = self.at(name)
        self.folder(target.parent)
        if target.is_symlink():
            target.unlink()
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(mode)
        self._own(target)

    def at(self, name: str) -> Path:
        """A path in it. Raises PveError for one that a link leads out of it."""
        target = self.path / name.lstrip("/")
        if not target.parent.resolve().is_relative_to(self.path):
            raise PveError(f"refusing to follow the links of '{name}' out of the container")
        return target

    def folder(self, target: Path, mode: int = 0o755) -> None:
        """Make a directory of it, unless it is there."""
        missing = [path for path in (target, *target.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode)
            self._own(path)

    def _own(self, target: Path) -> None:
        if os.geteuid() == 0:
            os.lchown(target, self.owner, self.owner)


def before_start(root: Root, values: Mapping[str, str], vmid: int, node_resolver: str) -> None:
    """What Proxmox writes at each start, from the configuration."""
    name = values.get("hostname", f"CT{vmid}").partition(".")[0]
    address = next((net["ip"].partition("/")[0] for net in nets(values).values() if "/" in net.get("ip", "")), "")
    root.write("/etc/hostname", f"{name}\n")
    domain = values.get("searchdomain", "").split()
    names = f"{name}.{domain[0]} {name}" if domain else name
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", f"{address or '127.0.1.1'} {names}"]
    root.write("/etc/hosts", f"{_kept(root, '/etc/hosts')}{_BEGIN}\n" + "\n".join(lines) + f"\n{_END}\n")
    resolver = "".join(f"search {values['searchdomain']}\n" for _ in domain[:1])
    servers = values.get("nameserver", "").split()
    resolver += "".join(f"nameserver {server}\n" for server in servers) or node_resolver
    root.write("/etc/resolv.conf", f"{_BEGIN}\n{resolver}{_END}\n")


def _kept(root: Root, name: str) -> str:
    """The lines of a file that are not Proxmox's."""
    path = root.at(name)
    text = path.read_text() if path.exists() and not path.is_symlink() else ""
    before, _, rest = text.partition(f"{_BEGIN}\n")
    return before + rest.partition(f"{_END}\n")[2] if rest else ""


def nets(values: Mapping[str, str]) -> dict[str, propstr.Properties]:
    """The network interfaces of a configuration."""
    return {key: propstr.NET.parse(values[key]) for key in sorted(values) if key.startswith("net")}


def after_create(node: Node, root: Root, values: Mapping[str, str], ssh_keys: str, password: str) -> None:
    """What Proxmox does once, after the template was unpacked."""
    hostname = values.get("hostname", "localhost")
    for kind in _KEYS:
        private, public = node.backend.host_key(kind, f"root@{hostname}")
        root.write(f"/etc/ssh/ssh_host_{kind}_key", private, 0o600)
        root.write(f"/etc/ssh/ssh_host_{kind}_key.pub", public)
    root.write("/etc/machine-id", "")
    if ssh_keys:
        root.folder(root.at("/root/.ssh"), 0o700)
        root.write("/root/.ssh/authorized_keys", ssh_keys.rstrip("\n") + "\n", 0o600)
    if password:
        done = subprocess.run(["chpasswd", "-R", str(root.path)], input=f"root:{password}".encode(), check=False,
                              capture_output=True)  # fmt: skip
        if done.returncode:
            raise PveError("unable to set the password of root")
    if zone := values.get("timezone"):
        set_timezone(node, root, zone)
    _carry(node, root)


def set_timezone(node: Node, root: Root, zone: str) -> None:
    """Point /etc/localtime at a zone; `host` is the node's."""
    here = node.root / "etc/localtime"
    if zone == "host":
        zone = str(here.resolve()).partition("/zoneinfo/")[2] or "Etc/UTC"
    target = root.at("/etc/localtime")
    target.unlink(missing_ok=True)
    target.symlink_to(f"/usr/share/zoneinfo/{zone}")


def _carry(node: Node, root: Root) -> None:
    carried = node.root / CARRIED
    for path in sorted(carried.rglob("*")):
        if path.is_file():
            root.write(str(path.relative_to(carried)), path.read_bytes())
    bundle = node.root / "etc/ssl/certs/ca-certificates.crt"
    if carried.exists() and bundle.exists():
        root.write("/etc/ssl/certs/ca-certificates.crt", bundle.read_bytes())


def free(path: Path) -> None:
    """Remove a directory that a container's root was mounted on."""
    shutil.rmtree(path, ignore_errors=True)
