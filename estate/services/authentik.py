"""Authentik: single sign-on; server and worker share everything but their command (facts/homelab-vps.md, 2.2).

Blueprints and OIDC clients are declared in estate/sso.
"""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.postgres import Database
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import DataDir, Health, Limits, Metrics, Published, Route, SecretFile, Service

_IMAGE = image("ghcr.io/goauthentik/server:2026.8.3")
_USER = "1000:1000"
_FIXED = "signs sessions and tokens and seeds what Authentik stores: a new one signs everybody out, a lost one is worse"

AUTHENTIK_SECRET_KEY = SecretSpec(
    name="AUTHENTIK_SECRET_KEY",
    kind=SecretKind.BASE64,
    purpose="signs Authentik's cookies and seeds unique identifiers",
    length=48,
    fixed=_FIXED,
)
AUTHENTIK_DB_PASSWORD = SecretSpec(
    name="AUTHENTIK_DB_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="password of the database role authentik",
    rotate_days=180,
)
_FIRST = "counts at the first start only; change it in Authentik (docs/homelab-services.md)"
AUTHENTIK_BOOTSTRAP_PASSWORD = SecretSpec(
    name="AUTHENTIK_BOOTSTRAP_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="first password of akadmin",
    fixed=_FIRST,
)
AUTHENTIK_BOOTSTRAP_TOKEN = SecretSpec(
    name="AUTHENTIK_BOOTSTRAP_TOKEN",
    kind=SecretKind.PASSWORD,
    purpose="API token of akadmin, which the verification reads with",
    length=60,
    fixed=_FIRST,
)

_SHARED = (AUTHENTIK_SECRET_KEY, AUTHENTIK_DB_PASSWORD)
_FILES = (
    SecretFile(secret=AUTHENTIK_SECRET_KEY.name, path="secret-key"),
    SecretFile(secret=AUTHENTIK_DB_PASSWORD.name, path="database-password"),
)
_ENVIRONMENT = {
    "AUTHENTIK_SECRET_KEY": "file:///run/secrets/secret-key",
    "AUTHENTIK_POSTGRESQL__HOST": "@address:postgres@",
    "AUTHENTIK_POSTGRESQL__PORT": "5432",
    "AUTHENTIK_POSTGRESQL__NAME": "authentik",
    "AUTHENTIK_POSTGRESQL__USER": "authentik",
    "AUTHENTIK_POSTGRESQL__PASSWORD": "file:///run/secrets/database-password",
    # The server's certificate is Debian's own; verify-ca, the documented default, would refuse it
    "AUTHENTIK_POSTGRESQL__SSLMODE": "require",
    # Since 2026.5 it listens on [::], which a container without IPv6 does not have
    "AUTHENTIK_LISTEN__HTTP": "0.0.0.0:9000",
    "AUTHENTIK_LISTEN__METRICS": "0.0.0.0:9300",
    # By default any private address may say where a login comes from, and "inside" is what it likes
    "AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS": "@networks:newt@",
    "AUTHENTIK_WEB__BASE_URL": "https://auth.@domain@",
    "AUTHENTIK_DISABLE_UPDATE_CHECK": "true",
    "AUTHENTIK_DISABLE_STARTUP_ANALYTICS": "true",
    "AUTHENTIK_ERROR_REPORTING__ENABLED": "false",
    "AUTHENTIK_AVATARS": "initials",
    "AUTHENTIK_LOG_LEVEL": "info",
}
_DATA = (
    DataDir(path="authentik", target="/data", mode=0o700),
    DataDir(path="authentik-templates", target="/templates"),
)
_KEPT = NoBackup(
    reason="its state is the database authentik, which the server of that dumps; uploads are in the container's vzdump"
)

AUTHENTIK_SERVER = Service(
    name="authentik-server",
    purpose="Single sign-on: logins, OIDC provider, forward-auth",
    image=_IMAGE,
    user=_USER,
    command=("server",),
    port=9000,
    published=(
        Published(host=9000, container=9000, clients=("newt", "monitoring")),
        Published(host=9300, container=9300, clients=("monitoring",)),
    ),
    routes=(Route(host="auth"),),
    environment=_ENVIRONMENT,
    secrets=_SHARED,
    secret_files=_FILES,
    data=_DATA,
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.0, memory="1280m", pids=512),
    # The image has neither curl nor wget
    health=Health.command("ak", "healthcheck", start_period=180),
    metrics=Metrics(port=9300),
    database=Database(name="authentik", password=AUTHENTIK_DB_PASSWORD.name),
    backup=_KEPT,
    shm_size="256m",
    stop_grace_period=60,
)

AUTHENTIK_WORKER = Service(
    name="authentik-worker",
    purpose="Authentik's background tasks; applies the blueprints",
    image=_IMAGE,
    user=_USER,
    command=("worker",),
    environment=_ENVIRONMENT
    | {
        # Only read when the database is empty, and only from here: file:// is not understood (facts 2.2)
        "AUTHENTIK_BOOTSTRAP_EMAIL": "akadmin@@domain@",
        "AUTHENTIK_BOOTSTRAP_PASSWORD": "${AUTHENTIK_BOOTSTRAP_PASSWORD}",
        "AUTHENTIK_BOOTSTRAP_TOKEN": "${AUTHENTIK_BOOTSTRAP_TOKEN}",
    },
    secrets=(*_SHARED, AUTHENTIK_BOOTSTRAP_PASSWORD, AUTHENTIK_BOOTSTRAP_TOKEN),
    secret_files=_FILES,
    data=(*_DATA, DataDir(path="authentik-certs", target="/certs", mode=0o700)),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.0, memory="1152m", pids=512),
    health=Health.command("ak", "healthcheck", start_period=180),
    database=Database(name="authentik", password=AUTHENTIK_DB_PASSWORD.name),
    backup=_KEPT,
    shm_size="256m",
    stop_grace_period=60,
)
