"""From an empty Infisical to a converged mainframe, also when the run that does it is killed in the middle."""

import os
import signal
import subprocess
import time

import pytest
from estate_copy import BIN, REPO, Checkout, estate_command, sealed_copy

pytestmark = pytest.mark.mainframe

INVENTORY = "inventories/lab.py"
LIMIT = ("--limit", "mainframe")


@pytest.fixture(autouse=True)
def without_kept_copies():
    yield
    for path in (REPO / ".lab").glob("secrets.*.age"):
        path.unlink()


def reset(option):
    run = estate_command("secrets", "reset", INVENTORY, option, stdin="lab\n")
    assert run.code == 0, run.text


def converged():
    run = Checkout().deploy_when_free(*LIMIT)
    assert run.code == 0, run.text
    assert Checkout().deploy(*LIMIT).changes == []
    status = estate_command("secrets", "status", INVENTORY)
    assert status.code == 0, status.text


def test_new_keys_for_infisical_and_everything_else_as_it_was():
    assert Checkout().deploy_when_free(*LIMIT).code == 0
    before = sealed_copy().values()
    reset("--all")
    assert sealed_copy().access is None
    plan = Checkout().dry_run(*LIMIT)
    assert any(c["name"].startswith("infisical organization") for c in plan.changes), plan.text
    converged()
    after = sealed_copy().values()
    own = {name for name in before if name.startswith("INFISICAL_")}
    assert {name for name in before if before[name] != after[name]} == own
    assert sealed_copy().access.complete


@pytest.mark.parametrize("seconds", [0, 0.3, 0.8])
def test_a_run_that_is_killed_while_it_sets_infisical_up_is_finished_by_the_next(seconds):
    reset("--data")
    run = subprocess.Popen(
        [str(BIN / "pyinfra"), "-y", INVENTORY, "deploy.py", *LIMIT],
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while sealed_copy().access is None and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.02)
    time.sleep(seconds)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert sealed_copy().access is not None, "it was killed after it began"
    converged()
