"""The NFS store."""

# OpenMediaVault has a firewall of its own; two of them would fight.
firewall = False

resources = {"cpus": 4, "memory": "8g"}

open_ports = [
    {"port": 2049, "source": "10.20.0.0/16", "purpose": "NFS, home network only"},
]
