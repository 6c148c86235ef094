"""Prometheus: metrics and alert rules (facts/services-mainframe.md, 7)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Metrics, Service

PROMETHEUS = Service(
    name="prometheus",
    purpose="Metrics and alert rules",
    image=image("docker.io/prom/prometheus:v3.14.0"),
    user="65534:65534",
    command=(
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.retention.time=30d",
        "--storage.tsdb.retention.size=8GB",
    ),
    port=9090,
    data=(DataDir(path="prometheus", target="/prometheus"),),
    config=Config(
        target="/etc/prometheus",
        files=(
            ConfigFile(path="prometheus.yml", template="prometheus.yml.j2"),
            ConfigFile(path="rules/estate.yml", template="rules.yml.j2"),
        ),
        # A bad file would be refused silently by the running process, so it is checked first
        reload=("sh", "-c", "promtool check config /etc/prometheus/prometheus.yml && kill -HUP 1"),
    ),
    limits=Limits(cpus=1.0, memory="1g", pids=128),
    health=Health.wget(9090, "/-/healthy"),
    metrics=Metrics(port=9090),
    backup=NoBackup(reason="thirty days of metrics; not worth their size off-site"),
)
