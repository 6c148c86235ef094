"""cAdvisor: metrics of the containers (facts/services-mainframe.md, 11)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Health, Limits, Metrics, Mount, Service

CADVISOR = Service(
    name="cadvisor",
    purpose="Metrics of the containers",
    image=image("ghcr.io/google/cadvisor:v0.60.5"),
    user="0:0",
    cap_add=("DAC_READ_SEARCH",),
    command=(
        "--port=8085",
        "--housekeeping_interval=30s",
        "--docker_only=true",
        "--store_container_labels=false",
    ),
    port=8085,
    mounts=(
        Mount(source="/", target="/rootfs"),
        Mount(source="/var/run", target="/var/run"),
        Mount(source="/sys", target="/sys"),
        Mount(source="/var/lib/docker", target="/var/lib/docker"),
    ),
    limits=Limits(cpus=0.5, memory="256m", pids=128),
    health=Health.wget(8085, "/healthz", start_period=30),
    metrics=Metrics(port=8085),
    backup=NoBackup(reason="keeps nothing"),
    lint={
        "CL-0001": "names containers over the engine's socket; internal, unpublished, one capability",
        "CL-0013": "reads control groups and layers of the containers that it measures, read-only",
    },
)
