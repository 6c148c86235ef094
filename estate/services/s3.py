"""The object store: rclone over plain files (docs/decisions/0003-object-store.md)."""

from estate.models.backup import Backup, Objects
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Credential, DataDir, Health, Limits, Metrics, Service

S3_SECRETS = (
    SecretSpec(
        name="MINIO_ROOT_USER",
        kind=SecretKind.USERNAME,
        purpose="S3 access key id",
        default="prodg-s3",
        fixed="it is a name; rotate MINIO_ROOT_PASSWORD",
    ),
    SecretSpec(name="MINIO_ROOT_PASSWORD", kind=SecretKind.PASSWORD, purpose="S3 secret key", rotate_days=180),
)
_PROVE = 'RCLONE_CONFIG_SELF_SECRET_ACCESS_KEY="$(cat)" rclone lsf --max-depth 1 --retries 1 self: >/dev/null'

S3 = Service(
    name="s3",
    purpose="S3-compatible object store",
    image=image("docker.io/rclone/rclone:1.75.0"),
    user="1000:1000",
    # at 0s rclone 1.75 clears its directories in an endless loop; after a few hundred uploads it answers nothing
    command=("serve", "s3", "--addr", ":9000", "--metrics-addr", ":9101", "--dir-cache-time", "1s", "/data"),
    port=9000,
    environment={
        "RCLONE_AUTH_KEY": '"${MINIO_ROOT_USER},${MINIO_ROOT_PASSWORD}"',
        "RCLONE_CONFIG": "/tmp/rclone.conf",  # noqa: S108 - in the container
        "RCLONE_CONFIG_SELF_TYPE": "s3",
        "RCLONE_CONFIG_SELF_PROVIDER": "Rclone",
        "RCLONE_CONFIG_SELF_ENDPOINT": "http://127.0.0.1:9000",
        "RCLONE_CONFIG_SELF_ACCESS_KEY_ID": "${MINIO_ROOT_USER}",
        "RCLONE_CONFIG_SELF_SECRET_ACCESS_KEY": "${MINIO_ROOT_PASSWORD}",
    },
    secrets=S3_SECRETS,
    credentials=(Credential(secret="MINIO_ROOT_PASSWORD", prove=_PROVE),),  # noqa: S106 - a name
    data=(DataDir(path="s3", target="/data"),),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.0, memory="512m", pids=128),
    health=Health.command("rclone", "lsf", "--max-depth", "1", "--retries", "1", "self:", start_period=30),
    metrics=Metrics(port=9101),
    backup=Backup(parts=(Objects(path="s3"),), probe="rclone lsf --max-depth 1 --retries 1 self: | grep -c . || :"),
)
