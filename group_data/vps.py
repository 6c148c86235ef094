"""The small public edge of the homelab (seed 002; docs/vps.md)."""

from estate.sso.clients import SITES

resources = {"cpus": 2, "memory": "4g"}

# Of the seed's 4 GB less than 3 may be in use: the limits of the services leave this to the system.
reserve = {"memory": "1g"}

swap = "2g"

# A virtual machine has no USB port.
usb_storage = False

stack = {
    "project": "edge",
    "root": "/opt/edge",
    "domain": "prodg.studio",
    "network": "edge",
    "subnet": "172.28.1.0/24",
}

# What is open to the world is what these publish: 80 and 443, the tunnel, and RustDesk's (docs/decisions/0024-vps.md).
services = ["pangolin", "gerbil", "traefik", "hbbr"]

docker = {"source": "docker"}

tls = {"email": "mitch@prodg.studio"}

pangolin = {
    "domain": "prodg.studio",
    "admin_email": "mitch@prodg.studio",
    # Seed 002; "1.2" lets in clients from before 2019 (curl, Java, Android 9 and older)
    "tls_min": "1.3",
    # Sites without a sign-in of their own: Authentik stands before them (docs/sso.md)
    "forward_auth": {"hosts": [site.host for site in SITES if not site.off]},
    # RustDesk's clients ask the first for the ID server, and hbbs sends them to the second
    "names": ["rustdesk", "relay"],
    "raw": [
        {"service": "hbbs", "port": 21115},
        {"service": "hbbs", "port": 21116},
        {"service": "hbbs", "port": 21116, "protocol": "udp"},
    ],
}

# Put your own addresses here: who mistypes a password at home must not shut out the house.
fail2ban = {"ignore": ["10.20.0.0/16"]}

backups = {
    "stores": [
        {"kind": "rclone", "name": "b2", "type": "b2", "bucket": "VpsBackup"},
        {"kind": "directory", "name": "local", "path": "/opt/edge/backups/sets", "keep_newest": 2},
    ],
    "retention": {"daily": 7, "weekly": 4, "monthly": 6, "max_deletions": 5},
    "schedules": {"daily": "*-*-* 03:00:00", "weekly": "Sun *-*-* 04:00:00"},
}

# What it watches by itself and tells Telegram; the bounds are estate/models/watch.py's
watch = {}
