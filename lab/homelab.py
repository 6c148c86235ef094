"""The lab's Proxmox nodes and containers: production's sizes at the lab's addresses."""

from typing import Any

from lab.hosts import CONTROLLER, SUBNET

_SIZES = {
    "postgres": (2, 4, 20),
    "authentik": (2, 3, 30),
    "n8n": (4, 4, 40),
    "rustdesk": (2, 2, 10),
    "monitoring": (2, 4, 50),
    "obsidian": (2, 2, 50),
}
"""Cores, GiB of memory and of disk (seed 002)."""
_SERVICES = {
    "authentik": ("authentik-server", "authentik-worker"),
    "n8n": ("n8n",),
    "rustdesk": ("hbbs",),
    "monitoring": ("hl-prometheus", "hl-grafana", "newt"),
    "obsidian": ("couchdb",),
}
_LIMITS = {"n8n": {"n8n": {"cpus": 2}}}
"""Docker refuses more CPUs than the machine has, and a lab's may have two."""
_POSTGRES = 17
"""That of the lab's Debian, trixie; production's containers are bookworm with 15."""
_NODES = {"dl380p": (32, 96, 400), "i5": (8, 8, 60)}
"""Cores, GiB of memory, and of disk that may be given away."""


def container_data(name: str, vmid: int, mirrors: list[str]) -> dict[str, Any]:
    """What a container's declaration has of its own in the lab.

    + mirrors: where its engine finds images
    """
    cores, memory, disk = _SIZES[name]
    return {
        "vmid": vmid,
        "resources": {"cpus": cores, "memory": f"{memory}g"},
        "rootfs": {"storage": "local-lvm", "size": f"{disk}g"},
        "network": {"bridge": "vmbr0", "network": SUBNET, "gateway": CONTROLLER},
        "nameserver": "",
        "internal_networks": [SUBNET],
        "docker": {"source": "distribution", "registry_mirrors": mirrors, "address_pool": "172.31.0.0/16"},
        "services": _SERVICES.get(name, ()),
        "limits": _LIMITS.get(name, {}),
        **({"postgres": {"version": _POSTGRES}} if name == "postgres" else {}),
    }


BARE_VPS: dict[str, Any] = {
    "services": (),
    "pangolin": None,
    "fail2ban": None,
    "backups": None,
    "watch": None,
    "swap": None,
    "open_ports": [
        {"port": 80, "purpose": "HTTP"},
        {"port": 443, "purpose": "HTTPS"},
        {"port": 51820, "protocol": "udp", "purpose": "Gerbil (WireGuard)"},
    ],
}
"""The VPS of the default profile: a host, and nothing on it."""
BARE_NODE: dict[str, Any] = {"adopted": False, "watch": None}
"""The node of the default profile: it has none of Proxmox's tools, so it is not adopted."""


def node_data(name: str) -> dict[str, Any]:
    """What a node's declaration has of its own in the lab."""
    cores, memory, disk = _NODES[name]
    return {
        "resources": {"cpus": cores, "memory": f"{memory}g"},
        "repository": "none",
        "firewall": False,
        "capacity": {"local-lvm": f"{disk}g"},
        "guest_firewall": {"management": [SUBNET]},
        "open_ports": [{"port": 8006, "source": SUBNET, "purpose": "Proxmox web interface, the lab's network only"}],
        # The stand-in's tools take a second each on a busy machine, and a change calls five of them
        "revert_after": 30,
        "storages": [
            {
                "kind": "nfs",
                "name": "omv",
                "server": "10.99.0.33",
                "export": "/export/backups",
                "content": ["backup"],
                "retention": {"daily": 7, "weekly": 4, "monthly": 6},
            },
        ],
    }
