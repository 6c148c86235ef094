"""`estate edge`: the fleet of nodes at the edge."""

from estate.cli.edge.app import app

__all__ = ["app"]
