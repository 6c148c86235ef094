"""Proxmox nodes: the appliance logs in as root between its nodes."""

allow_root = True

open_ports = [
    {"port": 8006, "source": "10.20.0.0/16", "purpose": "Proxmox web interface, home network only"},
]
