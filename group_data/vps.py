"""The small public edge of the homelab (seed 002)."""

resources = {"cpus": 2, "memory": "4g"}

# A virtual machine has no USB port.
usb_storage = False

open_ports = [
    {"port": 80, "purpose": "HTTP"},
    {"port": 443, "purpose": "HTTPS"},
    {"port": 51820, "protocol": "udp", "purpose": "Gerbil (WireGuard)"},
]

# What it watches by itself and tells Telegram; the bounds are estate/models/watch.py's
watch = {}
