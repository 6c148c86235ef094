"""Stand-in for Vaultwarden: its database, its configuration rules and its admin token; no vault."""

SOFTWARE = "Vaultwarden"
VERSION = "1.37.2"
