"""n8n: workflows (facts/homelab-vps.md, 2.3). Its Community edition has no OIDC: forward-auth stands in front."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.postgres import Database
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import DataDir, Health, Limits, Metrics, Published, Route, SecretFile, Service

N8N_ENCRYPTION_KEY = SecretSpec(
    name="N8N_ENCRYPTION_KEY",
    kind=SecretKind.HEX,
    purpose="encrypts every credential that n8n keeps; without it none can be read",
    length=32,
    fixed="n8n cannot re-encrypt its credentials: with another key every one of them has to be entered again",
)
N8N_DB_PASSWORD = SecretSpec(
    name="N8N_DB_PASSWORD", kind=SecretKind.PASSWORD, purpose="password of the database role n8n", rotate_days=180
)

N8N = Service(
    name="n8n",
    purpose="Workflow automation",
    image=image("docker.io/n8nio/n8n:2.41.3"),
    user="1000:1000",
    port=5678,
    # The embedded outpost of Authentik is its proxy
    published=(Published(host=5678, container=5678, clients=("newt", "authentik-server", "monitoring")),),
    routes=(Route(host="n8n"),),
    environment={
        "DB_TYPE": "postgresdb",
        "DB_POSTGRESDB_HOST": "@address:postgres@",
        "DB_POSTGRESDB_PORT": "5432",
        "DB_POSTGRESDB_DATABASE": "n8n",
        "DB_POSTGRESDB_USER": "n8n",
        "DB_POSTGRESDB_PASSWORD_FILE": "/run/secrets/database-password",
        "DB_POSTGRESDB_SSL_ENABLED": "true",
        # The server's certificate is Debian's own
        "DB_POSTGRESDB_SSL_REJECT_UNAUTHORIZED": "false",
        "N8N_ENCRYPTION_KEY_FILE": "/run/secrets/encryption-key",
        "N8N_ENFORCE_SETTINGS_FILE_PERMISSIONS": "true",
        "N8N_HOST": "n8n.@domain@",
        "N8N_PROTOCOL": "https",
        "N8N_LISTEN_ADDRESS": "0.0.0.0",  # noqa: S104 - in the container
        "N8N_PORT": "5678",
        # Traefik on the VPS, the tunnel's end, Authentik's outpost
        "N8N_PROXY_HOPS": "3",
        "WEBHOOK_URL": "https://n8n.@domain@/",
        "N8N_EDITOR_BASE_URL": "https://n8n.@domain@/",
        "N8N_METRICS": "true",
        "N8N_DIAGNOSTICS_ENABLED": "false",
        "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
        "N8N_BLOCK_ENV_ACCESS_IN_NODE": "true",
        "GENERIC_TIMEZONE": "Etc/UTC",
        "EXECUTIONS_DATA_PRUNE": "true",
        "EXECUTIONS_DATA_MAX_AGE": "336",
    },
    secrets=(N8N_ENCRYPTION_KEY, N8N_DB_PASSWORD),
    secret_files=(
        SecretFile(secret=N8N_ENCRYPTION_KEY.name, path="encryption-key"),
        SecretFile(secret=N8N_DB_PASSWORD.name, path="database-password"),
    ),
    data=(DataDir(path="n8n", target="/home/node/.n8n", mode=0o700),),
    tmpfs=("/tmp", "/home/node/.cache"),  # noqa: S108 - in the container
    limits=Limits(cpus=3.5, memory="3g", pids=512),
    # /healthz is the process alone; this one is the database, too
    health=Health.wget(5678, "/healthz/readiness", start_period=180),
    metrics=Metrics(port=5678),
    database=Database(name="n8n", password=N8N_DB_PASSWORD.name),
    backup=NoBackup(
        reason="workflows and credentials are the database n8n, which the server of that dumps; their key is a secret"
    ),
    stop_grace_period=60,
)
