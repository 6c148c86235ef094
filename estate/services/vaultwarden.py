"""Vaultwarden: the team's passwords (facts/services-mainframe.md, 14)."""

from estate.models.backup import Backup, Files, SqliteFile
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Credential, DataDir, Health, Limits, Migration, Route, SecretFile, Service

_ADMIN_TOKEN = SecretSpec(
    name="VAULTWARDEN_ADMIN_TOKEN",
    kind=SecretKind.ARGON2,
    purpose="argon2 hash for /admin; the password behind it is VAULTWARDEN_ADMIN_TOKEN_PLAIN",
    rotate_days=365,
)

# Of a hash, the value to prove is the password behind it
_PROVE = "curl -fsS -o /dev/null --data-urlencode token@- http://127.0.0.1:8083/admin"

# Its own backup reads every record of the vault through the server's code; the copy goes again
_READ = r"""set -eu
curl -fsS -o /dev/null http://127.0.0.1:8083/alive
file=$(/vaultwarden backup | sed -n "s/.*'\(.*\.sqlite3\)'.*/\1/p")
[ -s "$file" ]
echo "answers, and read $(wc -c <"$file") bytes of records"
rm -f "$file"
"""

VAULTWARDEN = Service(
    name="vaultwarden",
    purpose="Team password vault",
    image=image("docker.io/vaultwarden/server:1.37.2"),
    user="1000:1000",
    port=8083,
    routes=(Route(host="vault"),),
    environment={
        "ROCKET_PORT": "8083",
        "DOMAIN": "https://vault.@domain@",
        "SIGNUPS_ALLOWED": "false",
        "ADMIN_TOKEN_FILE": "/run/secrets/admin-token",
    },
    secrets=(_ADMIN_TOKEN,),
    secret_files=(SecretFile(secret=_ADMIN_TOKEN.name, path="admin-token"),),
    credentials=(Credential(secret=_ADMIN_TOKEN.name, prove=_PROVE),),
    data=(DataDir(path="vaultwarden", target="/data", mode=0o700),),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.0, memory="256m", pids=128),
    health=Health.curl(8083, "/alive", start_period=30),
    migration=Migration(),
    backup=Backup(
        parts=(
            SqliteFile(path="vaultwarden/db.sqlite3"),
            # Signs the logins of every device
            Files(name="rsa-key", paths=("vaultwarden/rsa_key.pem",)),
            Files(
                paths=(
                    "vaultwarden/attachments",
                    "vaultwarden/sends",
                    "vaultwarden/config.json",
                    "vaultwarden/rsa_key.pub.pem",
                    "vaultwarden/rsa_key.der",
                ),
                optional=True,
            ),
        ),
        probe=_READ,
        skips={
            "vaultwarden/icon_cache": "icons of web sites, fetched again",
            "vaultwarden/tmp": "uploads under way",
        },
    ),
)
