"""The mainframe: its compose stack (seed 000)."""

resources = {"cpus": 16, "memory": "64g"}

# Nobody plugs disks into it; True when its backups go to a USB disk.
usb_storage = False

stack = {
    "project": "prodg",
    "root": "/opt/prodg",
    "domain": "mainframe.prodg.studio",
    "network": "prodg-internal",
    "subnet": "172.28.0.0/24",
}

services = [
    "caddy",
    "postgres",
    "redis",
    "s3",
    "infisical-db",
    "infisical-redis",
    "infisical",
    "vaultwarden",
    "headscale",
    "hermes-api",
    "prometheus",
    "alertmanager",
    "loki",
    "alloy",
    "grafana",
    "node-exporter",
    "cadvisor",
    "docs",
]

# Another image than the declared one, by service: {"grafana": "docker.io/grafana/grafana:11.6.0"}
images: dict[str, str] = {}

docker = {"source": "docker"}

tls = {"email": "mitch@prodg.studio"}

headscale = {
    "base_domain": "tail.prodg.internal",
    "users": ["prodgroup", "mitch"],
    "preauth_keys": [{"user": "prodgroup", "reusable": True, "expires": 2160}],
}

secret_store = {
    "organization": "ProDG Studio",
    "project": "prodg-mainframe-core",
    "environment": "prod",
    "admin_email": "mitch@prodg.studio",
}

backups = {
    "stores": [
        {"kind": "rclone", "name": "b2", "type": "b2", "bucket": "MainframeBackup"},
        # What is restored fastest; a disk that dies takes it along
        {"kind": "directory", "name": "local", "path": "/opt/prodg/backups/sets", "keep_newest": 2},
        {
            "kind": "directory",
            "name": "nfs",
            "path": "/mnt/omv/backups",
            "mount": "/mnt/omv",
            "source": "omv.home.arpa:/export/backups",
            "filesystems": ["nfs", "nfs4"],
            "kinds": ["weekly"],
        },
    ],
    "retention": {"daily": 7, "weekly": 4, "monthly": 6, "max_deletions": 5},
    "schedules": {"daily": "*-*-* 02:30:00", "weekly": "Sun *-*-* 03:30:00"},
}

docs = {"rebuild": False}
