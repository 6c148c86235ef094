"""Hermes API: the estate's internal API for agents (seed 000, 7.3)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Credential, Health, Limits, Metrics, Route, Service
from estate.services.postgres import POSTGRES as _POSTGRES
from estate.services.redis import REDIS as _REDIS
from estate.services.s3 import S3_SECRETS

# An empty request is refused for its token (401) before it is refused for what it lacks (422)
_PROVE = """
import sys, urllib.error, urllib.request as u
r = u.Request("http://127.0.0.1:8000/v1/research", b"{}", {"Authorization": "Bearer " + sys.stdin.read()})
try:
    u.urlopen(r, timeout=5)
except urllib.error.HTTPError as e:
    sys.exit(e.code in (401, 403) or e.code >= 500)
"""

HERMES_API = Service(
    name="hermes-api",
    purpose="Internal API for agents",
    image=image("docker.io/prodg/hermes-api:v0.7.1"),
    user="1000:1000",
    port=8000,
    routes=(Route(host="api"),),
    environment={
        "HERMES_API_TOKEN": "${HERMES_API_TOKEN}",
        "DATABASE_URL": "postgresql://${POSTGRES_USER}:${POSTGRES_PASSWORD}@postgres:5432/${POSTGRES_DB}",
        "REDIS_URL": "redis://:${REDIS_PASSWORD}@redis:6379/0",
        "S3_ENDPOINT": "http://s3:9000",
        "S3_ACCESS_KEY_ID": "${MINIO_ROOT_USER}",
        "S3_SECRET_ACCESS_KEY": "${MINIO_ROOT_PASSWORD}",
        "TAVILY_API_KEY": "${TAVILY_API_KEY}",
    },
    secrets=(
        SecretSpec(
            name="HERMES_API_TOKEN",
            kind=SecretKind.PASSWORD,
            purpose="bearer token of the agents",
            length=48,
            rotate_days=90,
        ),
        SecretSpec(
            name="TAVILY_API_KEY",
            kind=SecretKind.EXTERNAL,
            purpose="web search for research agents",
            pattern=r"tvly-[A-Za-z0-9_-]{16,}",
        ),
        *_POSTGRES.secrets,
        *_REDIS.secrets,
        *S3_SECRETS,
    ),
    credentials=(
        Credential(secret="HERMES_API_TOKEN", prove=f"python3 -c '{_PROVE}'"),  # noqa: S106 - a name
        Credential(secret="TAVILY_API_KEY", prove='[ "$(cat)" = "$TAVILY_API_KEY" ]'),  # noqa: S106 - a name
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=2.0, memory="512m", pids=256),
    health=Health.command(
        "python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=4)"
    ),
    depends_on=("postgres", "redis", "s3"),
    metrics=Metrics(port=8000),
    rolling=True,
    backup=NoBackup(reason="stateless: its data are in postgres, redis and s3"),
)
