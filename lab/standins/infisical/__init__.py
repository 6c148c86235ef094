"""Stand-in for Infisical: its HTTP API with state in PostgreSQL, and faults that can be switched on."""

SOFTWARE = "Infisical"
VERSION = "v0.159.27"
