"""These tests break what they run against, so they run against the lab and nothing else, one run at a time."""

import fcntl
import os
import tempfile
from pathlib import Path

import pytest
from estate_copy import Checkout


def pytest_configure(config):
    inventory = config.getoption("--inventory", default=None)
    if inventory and Path(inventory).stem != "lab":
        raise pytest.UsageError(
            f"--inventory {inventory}: tests/lab breaks what it runs against; use inventories/lab.py"
        )


@pytest.fixture(scope="session", autouse=True)
def lab_to_ourselves():
    """Wait for a run of any other checkout: a machine has one lab, and each would repair the breaks of the other.

    The Makefile's lanes hold the lock together (ESTATE_LAB_LOCKED).
    """
    if os.environ.get("ESTATE_LAB_LOCKED"):
        yield
        return
    with (Path(tempfile.gettempdir()) / "estate-lab-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def mainframe():
    """This checkout, with the mainframe converged."""
    checkout = Checkout()
    first = checkout.deploy_when_free("--limit", "mainframe")
    assert first.code == 0, first.text
    return checkout
