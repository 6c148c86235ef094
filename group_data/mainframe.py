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

docs = {"rebuild": False}
