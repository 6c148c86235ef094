"""Infisical: the source of truth for secrets (facts/services-mainframe.md, 13)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Credential, Health, Limits, Migration, Route, Service
from estate.services.infisical_db import INFISICAL_DB_PASSWORD
from estate.services.infisical_redis import INFISICAL_REDIS_PASSWORD

# Whether the stored secrets can be decrypted: read them as the host's own identity does. A drill mounts what
# that takes (estate/render/backup_probe.py); the running service has none of it, and answering has to do there:
# it does not start with a key that its database was not made with.
_DECRYPTS = r"""set -eu
base=http://127.0.0.1:8082/api
curl -fsS -o /dev/null "$base/status"
[ -r /run/secrets/access ] || { echo "answers"; exit 0; }
token=$(curl -fsS -H "Content-Type: application/json" --data @/run/secrets/access "$base/v1/auth/universal-auth/login" |
    sed -n 's/.*"accessToken" *: *"\([^"]*\)".*/\1/p')
[ -n "$token" ]
count=$(printf 'header = "Authorization: Bearer %s"' "$token" |
    curl -fsS -K - "$base/v4/secrets?$(cat /run/secrets/query)" | grep -o '"secretKey"' | wc -l)
[ "$count" -gt 0 ]
echo "logged in and decrypted $count secrets"
"""

INFISICAL = Service(
    name="infisical",
    purpose="Secret management",
    image=image("docker.io/infisical/infisical:v0.159.27"),
    user="1001:1001",
    port=8082,
    routes=(Route(host="secrets"),),
    environment={
        "PORT": "8082",
        "HOST": "0.0.0.0",  # noqa: S104 - in the container
        "SITE_URL": "https://secrets.@domain@",
        "ENCRYPTION_KEY": "${INFISICAL_ENCRYPTION_KEY}",
        "AUTH_SECRET": "${INFISICAL_AUTH_SECRET}",
        "DB_CONNECTION_URI": "postgres://infisical:${INFISICAL_DB_PASSWORD}@infisical-db:5432/infisical",
        "REDIS_URL": "redis://:${INFISICAL_REDIS_PASSWORD}@infisical-redis:6379",
        "TELEMETRY_ENABLED": "false",
    },
    secrets=(
        SecretSpec(
            name="INFISICAL_ENCRYPTION_KEY",
            kind=SecretKind.HEX,
            purpose="encrypts every stored secret; without it nothing can be read",
            length=16,
            fixed="Infisical cannot re-encrypt its database; `estate secrets reset --all` starts with a new key",
            bootstrap=True,
        ),
        SecretSpec(
            name="INFISICAL_AUTH_SECRET",
            kind=SecretKind.BASE64,
            purpose="signs sessions and access tokens",
            length=32,
            bootstrap=True,
        ),
        INFISICAL_DB_PASSWORD,
        INFISICAL_REDIS_PASSWORD,
    ),
    credentials=(Credential(secret="INFISICAL_AUTH_SECRET", prove='[ "$(cat)" = "$AUTH_SECRET" ]'),),  # noqa: S106 - a name
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=2.0, memory="2g", pids=256),
    health=Health.curl(8082, "/api/status", start_period=120),
    depends_on=("infisical-db", "infisical-redis"),
    migration=Migration(data_of=("infisical-db",)),
    backup=NoBackup(
        reason="stateless: everything is in infisical-db and the encryption key",
        probe=_DECRYPTS,
        needs=("infisical-redis",),
    ),
)
