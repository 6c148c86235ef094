"""`estate backup`: the sets of a host's backups."""

from estate.cli.backup.app import app

__all__ = ["app"]
