"""The edge fleet (seed 004)."""

role = "spoke"
provider = "vultr"

open_ports = [
    {"port": 80, "purpose": "HTTP"},
    {"port": 443, "purpose": "HTTPS"},
]
