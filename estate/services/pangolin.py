"""Pangolin: which sites of the homelab the world may ask for (facts/homelab-vps.md, 3.1)."""

from estate.models.backup import Backup, SqliteFile
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Migration, Service

SETUP_TOKEN = SecretSpec(
    name="PANGOLIN_SETUP_TOKEN",
    kind=SecretKind.PASSWORD,
    purpose="Makes Pangolin's first admin, once",
    length=32,
    fixed="it is used up with the first start",
)
NEWT_ID = SecretSpec(
    name="NEWT_ID",
    # Pangolin's own begin with any character
    kind=SecretKind.PASSWORD,
    length=15,
    purpose="The homelab's site at Pangolin",
    fixed="it is the site's name; see NEWT_SECRET",
)
NEWT_SECRET = SecretSpec(
    name="NEWT_SECRET",
    kind=SecretKind.PASSWORD,
    purpose="What the homelab's tunnel client proves itself with",
    length=48,
    fixed="Pangolin keeps it with the site: remove the site there, set a new value, deploy (docs/vps.md)",
)
ADMIN_PASSWORD = SecretSpec(
    name="PANGOLIN_ADMIN_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="Pangolin's admin logs in with it and an exclamation mark",
    fixed="Pangolin keeps it: change it there, then here",
)
PANGOLIN = Service(
    name="pangolin",
    purpose="Reverse proxy's control: sites, tunnels, rules",
    image=image("docker.io/fosrl/pangolin:1.23.0"),
    user="0:0",
    port=3001,
    environment={
        "SERVER_SECRET": "${PANGOLIN_SERVER_SECRET}",
        "PANGOLIN_SETUP_TOKEN": "${PANGOLIN_SETUP_TOKEN}",
    },
    secrets=(
        SecretSpec(
            name="PANGOLIN_SERVER_SECRET",
            kind=SecretKind.PASSWORD,
            purpose="Encrypts what Pangolin keeps",
            length=64,
            fixed="`pangctl rotate-server-secret` encrypts the data anew",
        ),
        SETUP_TOKEN,
        ADMIN_PASSWORD,
        NEWT_ID,
        NEWT_SECRET,
    ),
    # It wants its configuration among its data: the folders of the data are made beside the file
    config=Config(
        target="/app/config",
        files=(
            ConfigFile(path="config.yml", template="config.yml.j2"),
            ConfigFile(path="db/README", template="mount-point.j2"),
            ConfigFile(path="logs/README", template="mount-point.j2"),
        ),
    ),
    data=(
        DataDir(path="pangolin-db", target="/app/config/db", mode=0o700),
        DataDir(path="pangolin-logs", target="/app/config/logs"),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=0.75, memory="1536m", pids=256),
    health=Health.curl(3001, "/api/v1/"),
    migration=Migration(),
    backup=Backup(
        parts=(SqliteFile(path="pangolin-db/db.sqlite"),),
        secrets=("PANGOLIN_SERVER_SECRET",),
        skips={"pangolin-logs": "what it logs goes to the container's log too"},
        # Two of them would each steer the same tunnels
        starts=False,
    ),
)
