"""Node exporter: metrics of the host itself, so it shares the host's network (facts, 10)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Health, Limits, Metrics, Mount, Service

NODE_EXPORTER = Service(
    name="node-exporter",
    purpose="Metrics of the host",
    image=image("docker.io/prom/node-exporter:v1.12.1"),
    user="65534:65534",
    host_network=True,
    pid_host=True,
    command=(
        "--path.rootfs=/host",
        "--web.listen-address=@gateway@:9100",
        # what the backups say of themselves
        "--collector.textfile.directory=/host@root@/backups/metrics",
        "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run|var/lib/docker/.+)($|/)",
    ),
    port=9100,
    mounts=(Mount(source="/", target="/host", propagation="rslave"),),
    limits=Limits(cpus=0.5, memory="128m", pids=64),
    health=Health.command("wget", "-qO", "/dev/null", "http://@gateway@:9100/", start_period=30),
    metrics=Metrics(port=9100),
    backup=NoBackup(reason="keeps nothing"),
    lint={
        "CL-0001": "reads the sizes of the host's file systems; read-only, as nobody, without capabilities",
        "CL-0008": "the host's own network figures; it listens on the stack's gateway address only",
        "CL-0010": "the host's own process figures; as nobody it cannot signal them",
    },
)
