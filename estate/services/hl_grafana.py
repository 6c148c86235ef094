"""The homelab's Grafana; users, settings and boards made by hand are in the shared PostgreSQL (facts, 2.6)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.postgres import Database
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import (
    Config,
    ConfigFile,
    Credential,
    DataDir,
    Health,
    Limits,
    Metrics,
    Published,
    Route,
    SecretFile,
    Service,
)
from estate.services.grafana import CHANGE_ADMIN, PROVE_ADMIN
from estate.sso.clients import client, secret_of
from estate.sso.consumers import grafana_environment, grafana_secret_file

_ADMIN = SecretSpec(
    name="HL_GRAFANA_ADMIN_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="password of admin, the way in while Authentik is down",
    rotate_days=180,
)
_DATABASE = SecretSpec(
    name="HL_GRAFANA_DB_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="password of the database role grafana",
    rotate_days=180,
)
_KEY = SecretSpec(
    name="HL_GRAFANA_SECRET_KEY",
    kind=SecretKind.HEX,
    purpose="encrypts the secrets of data sources in Grafana's database",
    length=32,
    fixed="what it encrypted cannot be read with another one",
)
_OIDC = client("hl-grafana")

HL_GRAFANA = Service(
    name="hl-grafana",
    purpose="Dashboards of the homelab",
    image=image("docker.io/grafana/grafana:13.2.0"),
    user="472:0",
    port=3000,
    published=(Published(host=3000, container=3000, clients=("newt",)),),
    routes=(Route(host="grafana-home"),),
    environment={
        "GF_SERVER_ROOT_URL": "https://grafana-home.@domain@",
        "GF_DATABASE_TYPE": "postgres",
        "GF_DATABASE_HOST": "@address:postgres@:5432",
        "GF_DATABASE_NAME": "grafana",
        "GF_DATABASE_USER": "grafana",
        "GF_DATABASE_PASSWORD__FILE": "/run/secrets/database-password",
        "GF_DATABASE_SSL_MODE": "require",
        "GF_SECURITY_SECRET_KEY__FILE": "/run/secrets/secret-key",
        "GF_SECURITY_ADMIN_USER": "admin",
        "GF_SECURITY_ADMIN_PASSWORD__FILE": "/run/secrets/admin-password",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_LOG_MODE": "console",
        **grafana_environment(_OIDC, "@domain@"),
    },
    secrets=(_ADMIN, _DATABASE, _KEY, secret_of(_OIDC)),
    secret_files=(
        SecretFile(secret=_ADMIN.name, path="admin-password"),
        SecretFile(secret=_DATABASE.name, path="database-password"),
        SecretFile(secret=_KEY.name, path="secret-key"),
        grafana_secret_file(_OIDC),
    ),
    credentials=(Credential(secret=_ADMIN.name, prove=PROVE_ADMIN, change=CHANGE_ADMIN),),
    data=(DataDir(path="grafana", target="/var/lib/grafana"),),
    config=Config(
        target="/etc/grafana/provisioning",
        files=(
            ConfigFile(path="datasources/homelab.yml", template="datasources.yml.j2"),
            ConfigFile(path="dashboards/homelab.yml", template="dashboards.yml.j2"),
            ConfigFile(path="boards/homelab.json", template="boards/homelab.json.j2"),
        ),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    lint={"CL-0020": "GF_AUTH_GENERIC_OAUTH_TOKEN_URL is an address; the client secret is a file"},
    limits=Limits(cpus=0.75, memory="768m", pids=128),
    health=Health.curl(3000, "/api/health", start_period=120),
    depends_on=("hl-prometheus",),
    metrics=Metrics(port=3000),
    database=Database(name="grafana", password=_DATABASE.name),
    backup=NoBackup(reason="its state is the database grafana, which the server of that dumps; its boards are files"),
)
