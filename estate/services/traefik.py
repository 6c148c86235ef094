"""Traefik: TLS termination of the VPS, steered by Pangolin (facts/homelab-vps.md, 3.1 and 3.2)."""

from estate.models.backup import Backup, Files
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Mount, Service

PING_PORT = 8082
AUTHORITIES = Mount(source="/etc/ssl/certs/ca-certificates.crt", target="/etc/ssl/certs/ca-certificates.crt")
TRAEFIK = Service(
    name="traefik",
    purpose="Reverse proxy and TLS termination of the VPS",
    image=image("docker.io/library/traefik:v3.7.9"),
    # Docker lets every user of a container's own network bind ports below 1024
    user="1000:1000",
    command=("--configFile=/etc/traefik/traefik.yml",),
    # Its neighbour's network: there the tunnels' addresses are (upstream's compose file)
    network_of="gerbil",
    # Who is trusted is the host's to say: the lab has an ACME server of its own
    environment={"LEGO_CA_CERTIFICATES": AUTHORITIES.target},
    mounts=(AUTHORITIES,),
    config=Config(
        target="/etc/traefik",
        files=(
            ConfigFile(path="traefik.yml", template="traefik.yml.j2"),
            ConfigFile(path="dynamic.yml", template="dynamic.yml.j2"),
        ),
    ),
    data=(
        DataDir(path="traefik-acme", target="/letsencrypt", mode=0o700),
        DataDir(path="traefik-logs", target="/var/log/traefik"),
        DataDir(path="traefik-plugins", target="/plugins-storage"),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=0.5, memory="384m", pids=128),
    # 0BBC is Gerbil's: once that has restarted alone, this one sits in a network that is no more
    health=Health.shell(
        f"wget -qO /dev/null http://127.0.0.1:{PING_PORT}/ping && grep -q ':0BBC ' /proc/net/tcp /proc/net/tcp6",
        start_period=30,
    ),
    depends_on=("pangolin", "gerbil"),
    lint={"CL-0013": "the authorities that the host trusts: public, read-only"},
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
