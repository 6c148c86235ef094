"""CouchDB for Obsidian's LiveSync: one database, one user (facts/homelab-vps.md, 2.5).

No single sign-on in front: its clients send Basic authentication.
"""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import (
    Config,
    ConfigFile,
    Credential,
    DataDir,
    Health,
    Limits,
    Published,
    Route,
    SecretFile,
    Service,
)

DATABASE = "obsidian-vault"
USER = "obsidian"
ADMIN = "estate"
_ETC = "/opt/couchdb/etc"
_TOOL = f"{_ETC}/default.d/estate.bash"

COUCHDB_ADMIN_PASSWORD = SecretSpec(
    name="COUCHDB_ADMIN_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="CouchDB's administrator, whom only the deploy uses",
    rotate_days=180,
)
COUCHDB_USER_PASSWORD = SecretSpec(
    name="COUCHDB_USER_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose=f"the user {USER} of LiveSync; each device has it",
    rotate_days=365,
)

# The image's own way is a variable, which everybody who may inspect the container reads; it hashes the value at start
_START = (
    f'export COUCHDB_USER={ADMIN}; COUCHDB_PASSWORD="$(cat /run/secrets/admin-password)"; export COUCHDB_PASSWORD; '
    'exec /docker-entrypoint.sh "$@"'
)

COUCHDB = Service(
    name="couchdb",
    purpose="Notes of every device (Obsidian LiveSync)",
    image=image("docker.io/library/couchdb:3.5.2"),
    user="5984:5984",
    entrypoint=("tini", "--", "bash", "-c", _START, "couchdb"),
    command=("/opt/couchdb/bin/couchdb",),
    port=5984,
    published=(Published(host=5984, container=5984, clients=("newt",)),),
    routes=(Route(host="obsidian"),),
    secrets=(COUCHDB_ADMIN_PASSWORD, COUCHDB_USER_PASSWORD),
    secret_files=(
        SecretFile(secret=COUCHDB_ADMIN_PASSWORD.name, path="admin-password"),
        SecretFile(secret=COUCHDB_USER_PASSWORD.name, path="user-password"),
    ),
    credentials=(
        # A new administrator's password comes with the start: what it was hashed to is in memory only
        Credential(secret=COUCHDB_ADMIN_PASSWORD.name, prove=f"bash {_TOOL} admin"),
        # It also makes the database and the user, and gives him no other
        Credential(secret=COUCHDB_USER_PASSWORD.name, prove=f"bash {_TOOL} prove", change=f"bash {_TOOL} change"),
    ),
    data=(DataDir(path="couchdb", target="/opt/couchdb/data", mode=0o700),),
    config=Config(
        target=f"{_ETC}/default.d",
        files=(
            ConfigFile(path="50-estate.ini", template="estate.ini.j2"),
            ConfigFile(path="estate.bash", template="estate.bash.j2"),
        ),
    ),
    tmpfs=("/tmp", f"{_ETC}/local.d"),  # noqa: S108 - in the container
    limits=Limits(cpus=1.5, memory="1536m", pids=512),
    health=Health.command("bash", _TOOL, "up", start_period=60),
    backup=NoBackup(reason="its files only grow, so that the container's vzdump is a whole copy; every device has one"),
)
