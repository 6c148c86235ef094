"""Headscale: the tailnet's control server (facts/services-mainframe.md, 15)."""

from estate.models.backup import Backup, Files, SqliteFile
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Metrics, Migration, Route, Service

HEADSCALE = Service(
    name="headscale",
    purpose="Tailscale control server",
    image=image("docker.io/headscale/headscale:0.29.2"),
    user="0:0",
    command=("serve",),
    port=8080,
    routes=(Route(host="ts"),),
    data=(DataDir(path="headscale", target="/var/lib/headscale", mode=0o700),),
    config=Config(
        target="/etc/headscale",
        files=(ConfigFile(path="config.yaml", template="config.yaml.j2"),),
    ),
    tmpfs=("/var/run/headscale",),
    limits=Limits(cpus=0.5, memory="256m", pids=128),
    health=Health.command("headscale", "health", start_period=30),
    metrics=Metrics(port=9090),
    migration=Migration(),
    backup=Backup(
        parts=(
            SqliteFile(path="headscale/db.sqlite"),
            # Without it every node has to be registered anew
            Files(name="noise", paths=("headscale/noise_private.key",)),
            Files(
                name="other-keys",
                paths=("headscale/private.key", "headscale/derp_server_private.key"),
                optional=True,
            ),
        ),
        # The image has no shell
        probe=("headscale", "nodes", "list", "-o", "json"),
        skips={"headscale/cache": "kept certificates of an ACME client that is off; Caddy has ours"},
    ),
)
