"""Redis 7: queues and caches of the applications (facts/services-mainframe.md, 3)."""

from estate.models.backup import Backup, RedisSave
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Config, ConfigFile, Credential, DataDir, Health, Limits, SecretFile, Service

PASSWORD_FILE = "/run/secrets/password"  # noqa: S105 - a path
PING = 'REDISCLI_AUTH="$({})" redis-cli -e ping | grep -q PONG'
REDIS_HEALTH = Health.shell(PING.format(f"cat {PASSWORD_FILE}"), start_period=30)
REDIS_PASSWORD = SecretSpec(name="REDIS_PASSWORD", kind=SecretKind.PASSWORD, purpose="Redis password", rotate_days=180)


def secret_files(password: SecretSpec) -> tuple[SecretFile, ...]:
    """The password for clients in the container, and as the line that redis.conf includes."""
    line = 'requirepass "{value}"\n'
    return (
        SecretFile(secret=password.name, path="password"),
        SecretFile(secret=password.name, path="auth.conf", text=line),
    )


def credentials(password: SecretSpec) -> tuple[Credential, ...]:
    """How to tell whether a password is the one in force; a new one is taken at start."""
    return (Credential(secret=password.name, prove=PING.format("cat")),)


REDIS = Service(
    name="redis",
    purpose="Queues and caches of the applications",
    image=image("docker.io/library/redis:7.4.11-alpine3.21"),
    user="1000:1000",
    command=("redis-server", "/usr/local/etc/redis/redis.conf"),
    port=6379,
    secrets=(REDIS_PASSWORD,),
    secret_files=secret_files(REDIS_PASSWORD),
    credentials=credentials(REDIS_PASSWORD),
    data=(DataDir(path="redis", target="/data"),),
    config=Config(
        target="/usr/local/etc/redis",
        templates="redis",
        files=(ConfigFile(path="redis.conf", template="redis.conf.j2"),),
    ),
    limits=Limits(cpus=0.5, memory="256m", pids=64),
    health=REDIS_HEALTH,
    backup=Backup(parts=(RedisSave(path="redis"),)),
)
