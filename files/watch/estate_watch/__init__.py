"""The seed's scripts (health, certificates, tunnel, backups, report) as one program; Python's standard library only."""
