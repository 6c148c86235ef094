"""Proxmox nodes: the appliance logs in as root between its nodes."""

from estate.sso.consumers import proxmox_access, proxmox_realm

allow_root = True

# Proxmox has a firewall of its own; two of them would fight.
firewall = False

open_ports = [
    {"port": 8006, "source": "10.20.0.0/16", "purpose": "Proxmox web interface, home network only"},
]

leader = "dl380p"

# What `pvesm status` says of the node's own disks, less what is to stay free
capacity = {"local-lvm": "400g"}

storages = [
    {
        "kind": "nfs",
        "name": "omv",
        "server": "omv.home.arpa",
        "export": "/export/backups",
        "options": "vers=4.2",
        "content": ["backup"],
        "retention": {"daily": 7, "weekly": 4, "monthly": 6},
    },
]

templates = ["debian-12-standard"]

# Single sign-on; root@pam with its password and TOTP stays for the day Authentik is down (docs/sso.md)
realms = [proxmox_realm("prodg.studio")]

# An account that came with a login may do nothing until its group may
access = proxmox_access()

guest_firewall = {"management": ["10.20.0.0/16"]}

# Root file systems only: what lies in a bind mount is never in them (docs/homelab.md)
backup_jobs = [
    {
        "name": "nightly",
        "schedule": "01:30",
        "storage": "omv",
        "retention": {"daily": 7, "weekly": 4, "monthly": 6},
    },
]

# What it watches by itself and tells Telegram; the bounds are estate/models/watch.py's
watch = {}
