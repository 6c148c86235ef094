"""Headscale: the tailnet's control server (facts/services-mainframe.md, 15)."""

from estate.models.image import image
from estate.models.service import (
    Backup,
    Config,
    ConfigFile,
    DataDir,
    Health,
    Limits,
    Metrics,
    Migration,
    Route,
    Service,
)

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
    backup=Backup(sqlite=("db.sqlite",), paths=("noise_private.key",)),
)
