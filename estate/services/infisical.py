"""Infisical: the source of truth for secrets (facts/services-mainframe.md, 13)."""

from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Health, Limits, NoBackup, Route, Service

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
        ),
        SecretSpec(name="INFISICAL_AUTH_SECRET", kind=SecretKind.BASE64, purpose="signs sessions", length=32),
        SecretSpec(name="INFISICAL_DB_PASSWORD", kind=SecretKind.PASSWORD, purpose="password of Infisical's database"),
        SecretSpec(name="INFISICAL_REDIS_PASSWORD", kind=SecretKind.PASSWORD, purpose="password of Infisical's Redis"),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=2.0, memory="2g", pids=256),
    health=Health.curl(8082, "/api/status", start_period=120),
    depends_on=("infisical-db", "infisical-redis"),
    backup=NoBackup(reason="stateless: everything is in infisical-db and the encryption key"),
)
