"""Caddy: TLS termination and the one public entry (facts/services-mainframe.md, 1)."""

from estate.models.backup import Backup, Files
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Metrics, Mount, Published, Service

CADDY = Service(
    name="caddy",
    purpose="Reverse proxy and TLS termination",
    image=image("docker.io/library/caddy:2.11.4-alpine"),
    user="0:0",
    cap_add=("NET_BIND_SERVICE",),
    published=(
        Published(host=80, container=80),
        Published(host=443, container=443),
        Published(host=443, container=443, protocol="udp"),
    ),
    environment={"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
    data=(
        DataDir(path="caddy-data", target="/data", mode=0o700),
        DataDir(path="caddy-config", target="/config", mode=0o700),
    ),
    config=Config(
        target="/etc/caddy",
        files=(
            ConfigFile(path="Caddyfile", template="Caddyfile.j2"),
            ConfigFile(path="acme-root.crt", template="acme-root.crt.j2"),
        ),
        reload=("caddy", "reload", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"),
    ),
    mounts=(Mount(source="/opt/prodg/docs/public", target="/srv/docs"),),
    limits=Limits(cpus=1.0, memory="256m", pids=128),
    health=Health.wget(2019, "/config/", start_period=30),
    metrics=Metrics(port=2020),
    backup=Backup(
        parts=(Files(paths=("caddy-data",)),),
        skips={"caddy-config": "autosaved from the Caddyfile, which the deploy writes"},
        # A second one would ask for certificates; that the files are what they were is proof enough
        starts=False,
    ),
)
