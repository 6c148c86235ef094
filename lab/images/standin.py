"""The images which hold stand-ins: our own Python on the base, under the real programs' paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.images.artefacts import OIDC
from lab.images.layer import REPOSITORY, Dir, Entry, File, Layer, Unpack

HOME = "opt/estate"
FILES = Path(__file__).parent / "files"
PROGRAM = """#!/usr/bin/python3
import sys
sys.path.insert(0, "/opt/estate")
from lab.standins.{package}.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class StandIn:
    """A package of lab/standins, the path its program has in the real image, and its instructions."""

    name: str
    package: str
    program: str
    instructions: tuple[str, ...]
    entries: tuple[Entry, ...] = ()
    also: tuple[tuple[str, str], ...] = ()
    """Further packages of lab/standins whose program is in the same image, each with its path."""
    shared: tuple[str, ...] = ()
    """Further packages of lab/standins that it imports."""

    def layer(self) -> Layer:
        """Give the image's layer: shared helpers, the package, the program."""
        root = REPOSITORY / "lab" / "standins"
        programs = ((self.package, self.program), *self.also)
        packages = (*(package for package, _ in programs), *self.shared)
        sources = [
            root / "__init__.py",
            root / "common.py",
            root / "probes.py",
            root / "rows.py",
            *(file for name in packages for file in sorted((root / name).glob("*.py"))),
        ]
        modules = [File.of(f"{HOME}/{source.relative_to(REPOSITORY)}", source) for source in sources]
        started = [File(path, PROGRAM.format(package=package), 0o755) for package, path in programs]
        init = File(f"{HOME}/lab/__init__.py", "")
        compiled = f"RUN python3 -m compileall -q /{HOME}"
        return Layer(self.name, (init, *modules, *started, *self.entries), (compiled, *self.instructions))


STANDINS = (
    StandIn(
        "grafana",
        "grafana",
        "run.sh",
        ("USER 472", "WORKDIR /usr/share/grafana", "EXPOSE 3000", 'ENTRYPOINT ["/run.sh"]'),
        (
            Dir("usr/share/grafana"),
            File("usr/local/bin/grafana", PROGRAM.format(package="grafana"), 0o755),
            Dir("var/lib/grafana", 472, 0, 0o777),
            Dir("etc/grafana/provisioning/datasources"),
            Dir("etc/grafana/provisioning/dashboards"),
        ),
    ),
    StandIn(
        "loki",
        "loki",
        "usr/bin/loki",
        (
            "USER 10001",
            "EXPOSE 3100",
            'ENTRYPOINT ["/usr/bin/loki"]',
            'CMD ["-config.file=/etc/loki/local-config.yaml"]',
        ),
        (Dir("loki", 10001, 10001), Dir("etc/loki")),
    ),
    StandIn(
        "alloy",
        "alloy",
        "usr/bin/alloy",
        (
            'ENTRYPOINT ["/bin/alloy"]',
            'CMD ["run", "/etc/alloy/config.alloy", "--storage.path=/var/lib/alloy/data"]',
        ),
        (Dir("etc/alloy"), Dir("var/lib/alloy/data", 473, 473, 0o770)),
    ),
    StandIn(
        "cadvisor",
        "cadvisor",
        "usr/bin/cadvisor",
        (
            "EXPOSE 8080",
            "HEALTHCHECK --interval=30s --timeout=3s CMD wget --quiet --tries=1 --spider "
            "http://localhost:8080/healthz || exit 1",
            'ENTRYPOINT ["/usr/bin/cadvisor", "-logtostderr"]',
        ),
    ),
    StandIn(
        "infisical",
        "infisical",
        "usr/local/bin/infisical-server",
        ("USER 1001:1001", "WORKDIR /backend", "EXPOSE 8080", 'CMD ["infisical-server"]'),
        (Dir("backend", 1001, 1001),),
    ),
    StandIn(
        "vaultwarden",
        "vaultwarden",
        "vaultwarden",
        (
            "ENV ROCKET_PROFILE=release ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT=80",
            "VOLUME /data",
            "EXPOSE 80",
            "WORKDIR /",
            "HEALTHCHECK --interval=60s --timeout=10s CMD /healthcheck.sh",
            'CMD ["/start.sh"]',
        ),
        (
            Dir("data"),
            File("start.sh", '#!/bin/sh\nexec /vaultwarden "$@"\n', 0o755),
            File.of("healthcheck.sh", FILES / "vaultwarden-healthcheck.sh", 0o755),
        ),
    ),
    StandIn(
        "headscale",
        "headscale",
        "usr/bin/headscale",
        ("EXPOSE 8080", 'ENTRYPOINT ["headscale"]'),
        (Dir("var/lib/headscale"), Dir("var/run/headscale"), Dir("etc/headscale")),
    ),
    StandIn(
        "authentik",
        "authentik",
        "usr/local/bin/ak",
        ("USER 1000", "WORKDIR /", "EXPOSE 9000 9300", 'ENTRYPOINT ["ak"]', 'CMD ["server"]'),
        (
            *(
                Unpack(wheel, tuple(f"{name}/" for name in ("fido2", "oauthlib", "jwt", "pyotp")), HOME)
                for wheel in OIDC
            ),
            Dir("data", 1000, 1000),
            Dir("templates", 1000, 1000),
            Dir("certs", 1000, 1000),
            Dir("blueprints/custom", 1000, 1000),
        ),
    ),
    StandIn(
        "hermes-api",
        "hermes",
        "usr/local/bin/hermes-api",
        ("USER 1000:1000", "WORKDIR /srv", "EXPOSE 8000", 'CMD ["hermes-api"]'),
    ),
    StandIn(
        "pangolin",
        "pangolin",
        "usr/local/bin/pangolin",
        ("WORKDIR /app", "EXPOSE 3000 3001 3002", 'CMD ["pangolin"]'),
        (Dir("app"), Dir("app/config")),
    ),
    StandIn("gerbil", "gerbil", "usr/local/bin/gerbil", ('ENTRYPOINT ["/usr/local/bin/gerbil"]',), shared=("tunnel",)),
    StandIn("newt", "newt", "usr/local/bin/newt", ('ENTRYPOINT ["/usr/local/bin/newt"]',), shared=("tunnel",)),
    StandIn(
        "traefik",
        "traefik",
        "usr/local/bin/traefik",
        ("EXPOSE 80", 'ENTRYPOINT ["/usr/local/bin/traefik"]'),
        (Dir("etc/traefik"), Dir("plugins-storage", 1000, 1000)),
        shared=("tunnel",),
    ),
    StandIn(
        "n8n",
        "n8n",
        "usr/local/bin/n8n",
        ("USER 1000:1000", "WORKDIR /home/node", "ENV HOME=/home/node", "EXPOSE 5678", 'ENTRYPOINT ["n8n"]'),
        (Dir("home/node", 1000, 1000), Dir("home/node/.n8n", 1000, 1000)),
    ),
    StandIn(
        "rustdesk",
        "hbbs",
        "usr/bin/hbbs",
        ("WORKDIR /data", "EXPOSE 21115 21116 21116/udp 21117", 'CMD ["hbbs"]'),
        (Dir("data", 1000, 1000),),
        also=(("hbbr", "usr/bin/hbbr"),),
        shared=("tunnel",),
    ),
    StandIn(
        "couchdb",
        "couchdb",
        "opt/couchdb/bin/couchdb",
        (
            "VOLUME /opt/couchdb/data",
            "EXPOSE 5984",
            'ENTRYPOINT ["tini", "--", "/docker-entrypoint.sh"]',
            'CMD ["/opt/couchdb/bin/couchdb"]',
        ),
        (
            Dir("opt/couchdb/data", 5984, 5984, 0o777),
            Dir("opt/couchdb/etc/default.d"),
            Dir("opt/couchdb/etc/local.d", 5984, 5984, 0o777),
            File.of("docker-entrypoint.sh", FILES / "couchdb-entrypoint.sh", 0o755),
            # The base has no tini, and Docker's own init would not be named in the image
            File("usr/bin/tini", '#!/bin/sh\n[ "$1" != -- ] || shift\nexec "$@"\n', 0o755),
        ),
    ),
)


def layers() -> list[Layer]:
    """Give the layers of all stand-ins."""
    return [standin.layer() for standin in STANDINS]
