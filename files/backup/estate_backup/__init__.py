"""Backups of a host's services: signed, encrypted, immutable sets in several stores, and what proves them.

Runs on the host as root: `python3 -P -m estate_backup COMMAND`. Python's standard library and the host's programs
only: rclone, age, openssl, zstd, docker. A set without a verified signature does not exist.
"""
