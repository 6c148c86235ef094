"""Stand-in for Infisical: its environment, its database and cache, its status and its bootstrap."""

SOFTWARE = "Infisical"
VERSION = "v0.159.27"
