"""hbbr: RustDesk's relay, beside its ID server in the homelab (facts/homelab-vps.md, 2.4)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Health, Limits, Published, Service
from estate.services.rustdesk_keys import RUSTDESK_KEY_PUB

HBBR = Service(
    name="hbbr",
    purpose="Relay for remote desktops that cannot reach each other",
    # Of the s6 image for its shell: the plain one holds nothing but the programs
    image=image("docker.io/rustdesk/rustdesk-server-s6:1.1.16"),
    entrypoint=("/usr/bin/hbbr",),
    user="1000:1000",
    port=21117,
    # 21119 is for web clients, which nobody here has
    published=(Published(host=21117, container=21117),),
    environment={
        # The public half is what a client has to know: without it anybody may use the relay (src/hbbr.rs)
        "KEY": "${RUSTDESK_KEY_PUB}",
        "LIMIT_SPEED": "32",
        "SINGLE_BANDWIDTH": "64",
        "TOTAL_BANDWIDTH": "256",
    },
    secrets=(RUSTDESK_KEY_PUB,),
    limits=Limits(cpus=0.25, memory="128m", pids=64),
    # 527D is 21117; a connection to it from the container itself would be taken for an administrator's
    health=Health.shell("grep -q ':527D ' /proc/net/tcp /proc/net/tcp6", start_period=30),
    backup=NoBackup(reason="keeps nothing; its key is hbbs' and among the secrets"),
)
