"""The two servers that the lab stands on: its image registry and its ACME server."""

import socket
import ssl
import time
from collections.abc import Sequence

from lab.containers import Container
from lab.errors import LabError
from lab.hosts import ACME, ACME_NAME, HOSTS, MAINFRAME, NETWORK, PUBLIC_NAMES, REGISTRY, REGISTRY_NAMES
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
        add_hosts=(*((name, MAINFRAME) for name in public_names), *((host.public_name, host.address) for host in edge)),
        seed={
            "/lab/Caddyfile": (_CADDYFILE % ACME_NAME).encode(),
            "/lab/ca.crt": paths.ca_cert.read_bytes(),
            "/lab/ca.key": paths.ca_key.read_bytes(),
        },
    )


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
