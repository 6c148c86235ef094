"""Alloy ships logs to Loki; it follows Promtail, which is end-of-life (docs/decisions/0004-log-shipper.md)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Config, ConfigFile, DataDir, Health, Limits, Metrics, Mount, Service

ALLOY = Service(
    name="alloy",
    purpose="Log shipper",
    image=image("docker.io/grafana/alloy:v1.18.0"),
    user="0:0",
    cap_add=("DAC_READ_SEARCH",),
    command=(
        "run",
        "/etc/alloy/config.alloy",
        "--server.http.listen-addr=0.0.0.0:12345",
        "--storage.path=/var/lib/alloy/data",
        "--disable-reporting",
    ),
    port=12345,
    data=(DataDir(path="alloy", target="/var/lib/alloy/data"),),
    config=Config(target="/etc/alloy", files=(ConfigFile(path="config.alloy", template="config.alloy.j2"),)),
    mounts=(
        Mount(source="/var/log", target="/var/log"),
        Mount(source="/var/lib/docker/containers", target="/var/lib/docker/containers"),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=0.5, memory="256m", pids=64),
    health=Health.command("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/12345", start_period=30),
    depends_on=("loki",),
    metrics=Metrics(port=12345),
    backup=NoBackup(reason="read positions only"),
    lint={"CL-0013": "reads the containers' log files, read-only; the alternative is the Docker socket"},
)
