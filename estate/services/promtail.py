"""Promtail, the seed's log shipper: end-of-life, kept selectable (docs/decisions/0004-log-shipper.md)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Metrics, Mount, Service

PROMTAIL = Service(
    name="promtail",
    purpose="Log shipper (end-of-life upstream)",
    image=image("docker.io/grafana/promtail:3.5.0"),
    user="0:0",
    cap_add=("DAC_READ_SEARCH",),
    command=("-config.file=/etc/promtail/config.yml",),
    port=9080,
    data=(DataDir(path="promtail", target="/var/lib/promtail"),),
    config=Config(target="/etc/promtail", files=(ConfigFile(path="config.yml", template="config.yml.j2"),)),
    mounts=(
        Mount(source="/var/log", target="/var/log"),
        Mount(source="/var/lib/docker/containers", target="/var/lib/docker/containers"),
    ),
    limits=Limits(cpus=0.5, memory="256m", pids=64),
    health=Health.command("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9080", start_period=30),
    depends_on=("loki",),
    metrics=Metrics(port=9080),
    backup=NoBackup(reason="read positions only"),
    lint={"CL-0013": "reads the containers' log files, read-only; the alternative is the Docker socket"},
)
