"""The two servers that the lab stands on: its image registry and its ACME server."""

import json
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from lab.cities import delays
from lab.containers import Container
from lab.errors import LabError
from lab.hosts import (
    ACME,
    ACME_NAME,
    HOSTS,
    HUB,
    MAINFRAME,
    NETWORK,
    PUBLIC_NAMES,
    REGISTRY,
    REGISTRY_NAMES,
    ROAD,
    VPS,
    VPS_NAMES,
)
from lab.paths import LabPaths

PUSH_TO = "127.0.0.1:5000"
_REGISTRY_CONFIG = b"""version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
http:
  addr: :443
  tls: {certificate: /lab/registry.crt, key: /lab/registry.key}
"""
_CADDYFILE = """{
	admin off
	skip_install_trust
	pki {
		ca local {
			name "Estate lab"
			root {
				cert /lab/ca.crt
				key /lab/ca.key
			}
		}
	}
}
%s {
	tls {
		issuer internal
	}
	acme_server
}
"""


def registry(paths: LabPaths, image: str) -> Container:
    """The registry: over TLS for the hosts, and at the machine's loopback address for pushing."""
    return Container(
        name=f"{NETWORK}-registry",
        hostname="mirror",
        address=REGISTRY,
        image=image,
        command=("docker-registry", "serve", "/lab/registry.yml"),
        options=(f"--publish={PUSH_TO}:443", "--restart=on-failure"),
        aliases=REGISTRY_NAMES,
        volumes=((f"{NETWORK}-registry", "/var/lib/registry"),),
        keep_volumes=True,
        seed={
            "/lab/registry.yml": _REGISTRY_CONFIG,
            "/lab/registry.crt": paths.registry_cert.read_bytes(),
            "/lab/registry.key": paths.registry_key.read_bytes(),
        },
    )


def acme(paths: LabPaths, image: str, public_names: Sequence[str] = PUBLIC_NAMES) -> Container:
    """The ACME server, which signs with the lab's root and finds the estate's names on the hosts that have them."""
    edge = [host for host in HOSTS if host.group == "edge"]
    return Container(
        name=f"{NETWORK}-acme",
        hostname="acme",
        address=ACME,
        image=image,
        command=("caddy", "run", "--adapter", "caddyfile", "--config", "/lab/Caddyfile"),
        options=("--env=HOME=/var/lib/caddy", "--restart=on-failure"),
        aliases=(ACME_NAME,),
        add_hosts=(
            *((name, MAINFRAME) for name in public_names),
            *((name, VPS) for name in VPS_NAMES),
            *((host.public_name, host.address) for host in edge),
        ),
        seed={
            "/lab/Caddyfile": (_CADDYFILE % ACME_NAME).encode(),
            "/lab/ca.crt": paths.ca_cert.read_bytes(),
            "/lab/ca.key": paths.ca_key.read_bytes(),
        },
    )


def road(paths: LabPaths, image: str) -> Container:
    """The internet between the fleet's hub and its spokes, as far away as `estate lab latency` says."""
    edge = [host for host in HOSTS if host.group == "edge"]
    config = {
        "hub": f"{next(host.address for host in edge if host.name == HUB)}:51820",
        "listen": ROAD,
        "spokes": {host.name: host.index for host in edge if host.name != HUB},
        "delays": "/road/delays.json",
    }
    paths.road.mkdir(parents=True, exist_ok=True)
    return Container(
        name=f"{NETWORK}-road",
        hostname="road",
        address=ROAD,
        image=image,
        command=("python3", "/lab/road.py", "/lab/road.json"),
        # It ends with its standard input
        options=("--interactive", f"--volume={paths.road.resolve()}:/road:ro", "--restart=on-failure"),
        seed={
            "/lab/road.py": (Path(__file__).parent / "road.py").read_bytes(),
            "/lab/road.json": json.dumps(config).encode(),
        },
    )


def set_latency(paths: LabPaths, words: str) -> dict[str, float]:
    """Make the fleet's round trips those of their cities ("cities"), or one number of milliseconds; says which.

    Raises ValueError for anything else.
    """
    names = [host.name for host in HOSTS if host.group == "edge" and host.name != HUB]
    found = delays(words, names)
    paths.road.mkdir(parents=True, exist_ok=True)
    partial = paths.road / "delays.json.partial"
    partial.write_text(json.dumps(found))
    partial.replace(paths.road / "delays.json")
    return found


def await_tls(paths: LabPaths, address: str, name: str, seconds: float = 30) -> None:
    """Wait until a server answers with a certificate that the lab's root vouches for."""
    context = ssl.create_default_context(cafile=str(paths.ca_cert))
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection((address, 443), timeout=3) as plain:
                context.wrap_socket(plain, server_hostname=name).close()
            return
        except OSError as fault:
            if time.monotonic() > deadline:
                raise LabError(f"{name} ({address}) does not answer over TLS: {fault}", "read `docker logs`") from fault
        time.sleep(0.3)
