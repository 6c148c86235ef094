"""Redis 7: queues and caches of the applications (facts/services-mainframe.md, 3)."""

from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Backup, Config, ConfigFile, DataDir, Health, Limits, Service

REDIS_HEALTH = Health.shell('REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli -e ping | grep -q PONG', start_period=30)

REDIS = Service(
    name="redis",
    purpose="Queues and caches of the applications",
    image=image("docker.io/library/redis:7.4.11-alpine3.21"),
    user="1000:1000",
    command=("redis-server", "/usr/local/etc/redis/redis.conf"),
    port=6379,
    environment={"REDIS_PASSWORD": "${REDIS_PASSWORD}"},
    secrets=(SecretSpec(name="REDIS_PASSWORD", kind=SecretKind.PASSWORD, purpose="Redis password"),),
    data=(DataDir(path="redis", target="/data"),),
    config=Config(
        target="/usr/local/etc/redis",
        templates="redis",
        files=(ConfigFile(path="redis.conf", template="redis.conf.j2", secret=True),),
    ),
    limits=Limits(cpus=0.5, memory="256m", pids=64),
    health=REDIS_HEALTH,
    backup=Backup(paths=("redis",)),
)
