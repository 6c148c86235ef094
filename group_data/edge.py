"""The edge fleet (seed 004)."""

# A NixOS host is made by its configuration.nix, not by the base task.
system = "nixos"
role = "spoke"
provider = "vultr"

open_ports = [
    {"port": 80, "purpose": "HTTP"},
    {"port": 443, "purpose": "HTTPS"},
]
