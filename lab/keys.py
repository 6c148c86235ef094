"""How the controller logs in to the lab's hosts: its key, their pinned keys, a client configuration."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.hosts import USER, LabHost
from lab.paths import LabPaths
from lab.run import run


def ensure_key(paths: LabPaths) -> str:
    """Make the lab's SSH key unless it is there."""
    if paths.key.exists() and paths.public_key.exists():
        return "already there"
    paths.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths.key.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "estate-lab", "-f", str(paths.key)])
    return "made"


def render_known_hosts(keys: Mapping[LabHost, Iterable[str]]) -> str:
    """The pinned keys: a line a host and key, under the host's name and its address."""
    lines = []
    for host, public_keys in keys.items():
        for key in sorted(public_keys):
            kind, value = key.split()[:2]
            names = dict.fromkeys((host.name, host.login_address, host.address))
            lines.append(f"{','.join(names)} {kind} {value}\n")
    return "".join(lines)


def render_ssh_config(paths: LabPaths, hosts: Iterable[LabHost]) -> str:
    """A client configuration that knows every lab host by name and by address."""
    # By the address, which is what a deploy pins a container's key for
    blocks = [f"Host {host.name} {host.login_address}\n  HostName {host.login_address}\n" for host in hosts]
    everyone = [
        "Host *",
        f"  User {USER}",
        f'  IdentityFile "{paths.key}"',
        "  IdentitiesOnly yes",
        f'  UserKnownHostsFile "{paths.known_hosts}"',
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  ConnectTimeout 10",
    ]
    return "\n".join([*blocks, *everyone]) + "\n"


def write_if_changed(path: Path, text: str) -> bool:
    """Write a private file unless it has this content already."""
    if path.exists() and path.read_text() == text:
        return False
    partial = path.with_name(path.name + ".partial")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)
    return True
