"""Loki: logs (facts/services-mainframe.md, 8). From 3.6 the image has no shell; it checks itself."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Metrics, Service

LOKI = Service(
    name="loki",
    purpose="Log store",
    image=image("docker.io/grafana/loki:3.7.6"),
    user="10001:10001",
    command=("-config.file=/etc/loki/config.yaml",),
    port=3100,
    data=(DataDir(path="loki", target="/loki"),),
    config=Config(target="/etc/loki", files=(ConfigFile(path="config.yaml", template="config.yaml.j2"),)),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.0, memory="1g", pids=128),
    health=Health.command("/usr/bin/loki", "-health"),
    metrics=Metrics(port=3100),
    backup=NoBackup(reason="thirty days of logs; not worth their size off-site"),
)
