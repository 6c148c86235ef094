"""Traefik: TLS termination of the VPS, steered by Pangolin (facts/homelab-vps.md, 3.1 and 3.2)."""

from estate.models.backup import Backup, Files
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Service

PING_PORT = 8082
TRAEFIK = Service(
    name="traefik",
    purpose="Reverse proxy and TLS termination of the VPS",
    image=image("docker.io/library/traefik:v3.7.9"),
    # Docker lets every user of a container's own network bind ports below 1024
    user="1000:1000",
    command=("--configFile=/etc/traefik/traefik.yml",),
    # Its neighbour's network: there the tunnels' addresses are (upstream's compose file)
    network_of="gerbil",
    environment={"LEGO_CA_CERTIFICATES": "/etc/traefik/acme-root.crt", "LEGO_CA_SYSTEM_CERT_POOL": "true"},
    config=Config(
        target="/etc/traefik",
        files=(
            ConfigFile(path="traefik.yml", template="traefik.yml.j2"),
            ConfigFile(path="dynamic.yml", template="dynamic.yml.j2"),
            ConfigFile(path="acme-root.crt", template="acme-root.crt.j2"),
        ),
    ),
    data=(
        DataDir(path="traefik-acme", target="/letsencrypt", mode=0o700),
        DataDir(path="traefik-logs", target="/var/log/traefik"),
        DataDir(path="traefik-plugins", target="/plugins-storage"),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=0.5, memory="384m", pids=128),
    health=Health.wget(PING_PORT, "/ping", start_period=30),
    depends_on=("pangolin", "gerbil"),
    backup=Backup(
        parts=(Files(paths=("traefik-acme",), optional=True),),
        skips={
            "traefik-logs": "who was here; fail2ban has read it",
            "traefik-plugins": "fetched again at start",
        },
        # A second one would ask for certificates
        starts=False,
    ),
)
