"""Where the lab keeps its own state: `.lab/` in the checkout that started it, and a cache that all checkouts share."""

import os
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "estate-lab"
"""What takes minutes to fetch or to compile, by name and digest; like the engine's images, it outlives a checkout."""


@dataclass(frozen=True)
class LabPaths:
    """The files under `.lab/`."""

    root: Path

    @property
    def key(self) -> Path:
        """The private key with which the controller logs in."""
        return self.root / "ssh" / "id_ed25519"

    @property
    def public_key(self) -> Path:
        """The public half of the key."""
        return self.root / "ssh" / "id_ed25519.pub"

    @property
    def known_hosts(self) -> Path:
        """The pinned host keys of the lab's hosts."""
        return self.root / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """A client configuration with an entry a lab host."""
        return self.root / "ssh_config"

    @property
    def ca_cert(self) -> Path:
        """The lab's root certificate."""
        return self.root / "ca" / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """The key of the lab's root certificate."""
        return self.root / "ca" / "ca.key"

    @property
    def registry_cert(self) -> Path:
        """The registry's certificate."""
        return self.root / "ca" / "registry.crt"

    @property
    def registry_key(self) -> Path:
        """The key of the registry's certificate."""
        return self.root / "ca" / "registry.key"

    @property
    def age_identity(self) -> Path:
        """The key that opens the lab's sealed secrets."""
        return self.root / "age.txt"

    @property
    def sealed(self) -> Path:
        """The lab's sealed secrets."""
        return self.root / "secrets.age"

    @property
    def external_secrets(self) -> Path:
        """Made-up values for the secrets that only their issuer can give."""
        return self.root / "external.env"

    @property
    def mesh(self) -> Path:
        """What the lab adds to the fleet's declaration: its release, its operator."""
        return self.root / "edge.json"

    @property
    def wireguard(self) -> Path:
        """The controller's own WireGuard: its private key, and wg-quick's configuration."""
        return self.root / "wireguard"

    @property
    def road(self) -> Path:
        """What the road between hub and spokes reads: `delays.json`."""
        return self.root / "road"

    @property
    def artifacts(self) -> Path:
        """Releases of the clavitor stand-in, a directory a version."""
        return self.root / "clavitor"

    @property
    def kuma(self) -> Path:
        """Uptime Kuma as npm has it, which the hub sees at /opt/uptime-kuma."""
        return self.root / "uptime-kuma"

    @property
    def templates(self) -> Path:
        """What Proxmox nodes can download as templates."""
        return self.root / "templates"

    @property
    def engine_pid(self) -> Path:
        """Written when the lab started the engine: its process id."""
        return self.root / "engine" / "dockerd.pid"

    @property
    def engine_log(self) -> Path:
        """The log of an engine that the lab started."""
        return self.root / "engine" / "dockerd.log"

    @property
    def profile(self) -> Path:
        """The name of the profile that was last brought up."""
        return self.root / "profile"

    @property
    def lock(self) -> Path:
        """Held while a command changes the lab."""
        return self.root / "lock"


def lab_paths(repo: Path = REPO) -> LabPaths:
    """The lab's paths in a checkout."""
    return LabPaths(repo / ".lab")
