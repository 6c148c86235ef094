"""Grafana with provisioned data sources and dashboards (facts/services-mainframe.md, 6)."""

from estate.models.backup import Backup, SqliteFile
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import (
    Config,
    ConfigFile,
    Credential,
    DataDir,
    Health,
    Limits,
    Metrics,
    Migration,
    Route,
    SecretFile,
    Service,
)

_ADMIN_PASSWORD = SecretSpec(
    name="GRAFANA_ADMIN_PASSWORD", kind=SecretKind.PASSWORD, purpose="password of admin", rotate_days=180
)

PROVE_ADMIN = """printf 'user = "admin:%s"' "$(cat)" | curl -fsS -o /dev/null -K - http://127.0.0.1:3000/api/org"""

# The environment's password counts at the very first start only (facts/services-mainframe.md, 6)
CHANGE_ADMIN = "grafana cli --homepath /usr/share/grafana admin reset-admin-password --password-from-stdin"

GRAFANA = Service(
    name="grafana",
    purpose="Dashboards",
    image=image("docker.io/grafana/grafana:13.2.0"),
    user="472:0",
    port=3000,
    routes=(Route(host="grafana"),),
    environment={
        "GF_SERVER_ROOT_URL": "https://grafana.@domain@",
        "GF_SECURITY_ADMIN_USER": "admin",
        "GF_SECURITY_ADMIN_PASSWORD__FILE": "/run/secrets/admin-password",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_LOG_MODE": "console",
    },
    secrets=(_ADMIN_PASSWORD,),
    secret_files=(SecretFile(secret=_ADMIN_PASSWORD.name, path="admin-password"),),
    credentials=(Credential(secret=_ADMIN_PASSWORD.name, prove=PROVE_ADMIN, change=CHANGE_ADMIN),),
    data=(DataDir(path="grafana", target="/var/lib/grafana"),),
    config=Config(
        target="/etc/grafana/provisioning",
        files=(
            ConfigFile(path="datasources/estate.yml", template="datasources.yml.j2"),
            ConfigFile(path="dashboards/estate.yml", template="dashboards.yml.j2"),
            ConfigFile(path="boards/host.json", template="boards/host.json.j2"),
            ConfigFile(path="boards/containers.json", template="boards/containers.json.j2"),
            ConfigFile(path="boards/services.json", template="boards/services.json.j2"),
            ConfigFile(path="boards/logs.json", template="boards/logs.json.j2"),
            ConfigFile(path="boards/backups.json", template="boards/backups.json.j2"),
        ),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.0, memory="512m", pids=128),
    health=Health.curl(3000, "/api/health"),
    depends_on=("prometheus", "loki"),
    metrics=Metrics(port=3000),
    migration=Migration(),
    backup=Backup(
        parts=(SqliteFile(path="grafana/grafana.db"),),
        probe="curl -fsS http://127.0.0.1:3000/api/health",
        skips={"grafana/plugins": "installed from the image or by their declaration"},
    ),
)
