"""The homelab's Prometheus: containers, Proxmox nodes and services (facts/homelab-vps.md, 2.6).

The mainframe's asks it for a few series by /federate (docs/decisions/0023-homelab-services.md).
"""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Metrics, Published, Service

HL_PROMETHEUS = Service(
    name="hl-prometheus",
    purpose="Metrics and alert rules of the homelab",
    image=image("docker.io/prom/prometheus:v3.14.0"),
    user="65534:65534",
    command=(
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.retention.time=90d",
        "--storage.tsdb.retention.size=30GB",
    ),
    port=9090,
    published=(Published(host=9090, container=9090, clients=("prometheus",)),),
    data=(DataDir(path="prometheus", target="/prometheus"),),
    config=Config(
        target="/etc/prometheus",
        files=(
            ConfigFile(path="prometheus.yml", template="prometheus.yml.j2"),
            ConfigFile(path="rules/homelab.yml", template="rules.yml.j2"),
        ),
        # A bad file would be refused silently by the running process, so it is checked first
        reload=("sh", "-c", "promtool check config /etc/prometheus/prometheus.yml && kill -HUP 1"),
    ),
    limits=Limits(cpus=1.0, memory="2g", pids=128),
    health=Health.wget(9090, "/-/healthy"),
    metrics=Metrics(port=9090),
    backup=NoBackup(reason="ninety days of metrics; in the container's vzdump, and not worth more"),
)
