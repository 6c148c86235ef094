"""These tests break what they run against, so they run against the lab and nothing else."""

from pathlib import Path

import pytest


def pytest_configure(config):
    inventory = config.getoption("--inventory", default=None)
    if inventory and Path(inventory).stem != "lab":
        raise pytest.UsageError(
            f"--inventory {inventory}: tests/lab breaks what it runs against; use inventories/lab.py"
        )
