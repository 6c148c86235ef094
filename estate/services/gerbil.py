"""Gerbil: the tunnels, and the public ports, its own and Traefik's (facts/homelab-vps.md, 3.1)."""

from estate.models.backup import Backup, Files
from estate.models.image import image
from estate.models.service import DataDir, Health, Limits, Published, Service

TUNNEL_PORT = 51820
RUSTDESK_RAW = (
    Published(host=21115, container=21115),
    Published(host=21116, container=21116),
    Published(host=21116, container=21116, protocol="udp"),
)
"""hbbs' ports, handed through to the homelab (docs/decisions/0024-vps.md)."""

GERBIL = Service(
    name="gerbil",
    purpose="WireGuard tunnels; the public ports, its own and Traefik's",
    image=image("docker.io/fosrl/gerbil:1.4.2"),
    user="0:0",
    command=(
        "--reachableAt=http://gerbil:3004",
        "--listen=:3004",
        "--generateAndSaveKeyTo=/var/config/key",
        "--remoteConfig=http://pangolin:3001/api/v1/",
    ),
    port=3004,
    published=(
        Published(host=80, container=80),
        Published(host=443, container=443),
        Published(host=TUNNEL_PORT, container=TUNNEL_PORT, protocol="udp"),
        *RUSTDESK_RAW,
    ),
    data=(DataDir(path="gerbil", target="/var/config", mode=0o700),),
    # No SYS_MODULE, which upstream's compose file has: the host loads WireGuard itself (estate/render/vps.py)
    cap_add=("NET_ADMIN",),
    limits=Limits(cpus=0.5, memory="256m", pids=64),
    # 0BBC is its port: the image need not have more than a shell
    health=Health.shell("grep -q ':0BBC ' /proc/net/tcp /proc/net/tcp6", start_period=30),
    depends_on=("pangolin",),
    lint={"CL-0011": "it makes the tunnels' interface and routes, in its own network only"},
    # Without its key every site has to be told of a new one
    backup=Backup(parts=(Files(paths=("gerbil",)),), starts=False),
)
