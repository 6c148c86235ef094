"""Proxmox nodes: the appliance logs in as root between its nodes."""

allow_root = True

# Proxmox has a firewall of its own; two of them would fight.
firewall = False

open_ports = [
    {"port": 8006, "source": "10.20.0.0/16", "purpose": "Proxmox web interface, home network only"},
]
