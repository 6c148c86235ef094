"""hbbs: RustDesk's ID server (facts/homelab-vps.md, 2.4); its relay, hbbr, is on the VPS and has the same key."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import DataDir, Health, Limits, Published, SecretFile, Service
from estate.services.rustdesk_keys import RUSTDESK_KEY, RUSTDESK_KEY_PUB

# It looks for its key in its working directory, and would make one where there is none
_START = 'ln -sf /run/secrets/id_ed25519 /run/secrets/id_ed25519.pub /tmp/ && cd /tmp && exec /usr/bin/hbbs "$@"'

HBBS = Service(
    name="hbbs",
    purpose="Remote desktop: who is where (RustDesk's ID server)",
    # Of the s6 image for its shell: the plain one holds nothing but the programs
    image=image("docker.io/rustdesk/rustdesk-server-s6:1.1.16"),
    entrypoint=("/bin/sh", "-c", _START, "hbbs"),
    # `-k _`: whoever does not know its public half is refused
    command=("-r", "relay.@domain@:21117", "-k", "_"),
    user="1000:1000",
    port=21116,
    published=(
        Published(host=21115, container=21115),
        Published(host=21116, container=21116),
        Published(host=21116, container=21116, protocol="udp"),
    ),
    environment={
        "DB_URL": "/data/db_v2.sqlite3",
        # Behind the tunnel it sees the tunnel's address for everybody, so that no hole can be punched
        "ALWAYS_USE_RELAY": "Y",
        "RUST_LOG": "info",
    },
    secrets=(RUSTDESK_KEY, RUSTDESK_KEY_PUB),
    secret_files=(
        SecretFile(secret=RUSTDESK_KEY.name, path="id_ed25519"),
        SecretFile(secret=RUSTDESK_KEY_PUB.name, path="id_ed25519.pub"),
    ),
    data=(DataDir(path="hbbs", target="/data", mode=0o700),),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.5, memory="1g", pids=128),
    # 527C is 21116; a connection from the container itself would be taken for an administrator's
    health=Health.shell("grep -q ':527C ' /proc/net/tcp /proc/net/tcp6", start_period=30),
    backup=NoBackup(
        reason="its key pair is among the secrets, with their sealed copies; its list of devices is in the vzdump"
    ),
)
