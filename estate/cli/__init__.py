"""The `estate` command."""

from estate.cli.main import main

__all__ = ["main"]
