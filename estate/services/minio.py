"""MinIO, the seed's object store: archived upstream, kept selectable (docs/decisions/0003-object-store.md)."""

from estate.models.backup import Backup, Objects
from estate.models.image import image
from estate.models.service import DataDir, Health, Limits, Service
from estate.services.s3 import S3_SECRETS

MINIO = Service(
    name="minio",
    purpose="S3-compatible object store (no longer maintained upstream)",
    image=image("quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"),
    user="1000:1000",
    aliases=("s3",),
    command=("server", "/data", "--console-address", ":9001"),
    port=9000,
    environment={"MINIO_ROOT_USER": "${MINIO_ROOT_USER}", "MINIO_ROOT_PASSWORD": "${MINIO_ROOT_PASSWORD}"},
    secrets=S3_SECRETS,
    data=(DataDir(path="minio", target="/data"),),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=1.0, memory="512m", pids=128),
    health=Health.curl(9000, "/minio/health/live", start_period=30),
    backup=Backup(parts=(Objects(path="minio"),)),
)
