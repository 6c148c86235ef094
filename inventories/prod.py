"""The production estate. Its data are in group_data/; what differs from the lab, in group_data/prod.py."""

from estate.connector import connected
from estate.edge.inventory import edge_hosts
from estate.inventory import validate

# Put its address on the home network here: the homelab's firewalls let it in by it.
mainframe = [("mainframe", {"ssh_hostname": "mainframe.prodg.studio", "home_address": "10.20.0.10"})]

proxmox = [
    ("dl380p", {"ssh_hostname": "dl380p.home.arpa", "resources": {"cpus": 32, "memory": "96g"}}),
    (
        "i5",
        {"ssh_hostname": "i5.home.arpa", "resources": {"cpus": 8, "memory": "8g"}, "capacity": {"local-lvm": "60g"}},
    ),
]

nas = [("omv", {"ssh_hostname": "omv.home.arpa"})]

# Seed 002: 14 of 32 cores, 19 of 96 GB, 200 GB
homelab = [
    (
        "postgres",
        {
            "ssh_hostname": "10.20.0.41",
            "vmid": 141,
            "resources": {"cpus": 2, "memory": "4g"},
            "rootfs": {"storage": "local-lvm", "size": "20g"},
            "start": {"order": 1, "up": 20},
            "features": ["nesting"],
            "postgres": {"version": 15},
        },
    ),
    (
        "authentik",
        {
            "ssh_hostname": "10.20.0.42",
            "vmid": 142,
            "resources": {"cpus": 2, "memory": "3g"},
            "rootfs": {"storage": "local-lvm", "size": "30g"},
            "start": {"order": 2},
            "services": ["authentik-server", "authentik-worker"],
        },
    ),
    (
        "n8n",
        {
            "ssh_hostname": "10.20.0.43",
            "vmid": 143,
            "resources": {"cpus": 4, "memory": "4g"},
            "rootfs": {"storage": "local-lvm", "size": "40g"},
            "start": {"order": 3},
            "services": ["n8n"],
        },
    ),
    (
        "rustdesk",
        {
            "ssh_hostname": "10.20.0.44",
            "vmid": 144,
            "resources": {"cpus": 2, "memory": "2g"},
            "rootfs": {"storage": "local-lvm", "size": "10g"},
            "start": {"order": 3},
            "services": ["hbbs"],
        },
    ),
    (
        "monitoring",
        {
            "ssh_hostname": "10.20.0.45",
            "vmid": 145,
            "resources": {"cpus": 2, "memory": "4g"},
            "rootfs": {"storage": "local-lvm", "size": "50g"},
            "start": {"order": 3},
            "services": ["hl-prometheus", "hl-grafana", "newt"],
        },
    ),
    (
        "obsidian",
        {
            "ssh_hostname": "10.20.0.46",
            "vmid": 146,
            "resources": {"cpus": 2, "memory": "2g"},
            "rootfs": {"storage": "local-lvm", "size": "50g"},
            "start": {"order": 3},
            "services": ["couchdb"],
        },
    ),
]

vps = [("vps", {"ssh_hostname": "vps.prodg.studio"})]

edge = edge_hosts(__file__)

all = connected(__file__, vars())
validate(__file__)
