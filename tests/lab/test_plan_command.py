"""`estate plan`: honest exit codes, and the plan as data."""

import json
import subprocess

import pytest
from estate_copy import BIN, REPO, Checkout, on_host

pytestmark = pytest.mark.hosts


def plan(*options):
    argv = [str(BIN / "estate"), "plan", "inventories/lab.py", *options]
    return subprocess.run(argv, cwd=REPO, capture_output=True, text=True, timeout=300)


def test_it_ends_with_0_when_clean_and_with_2_when_changes_are_pending():
    estate = Checkout()
    assert estate.deploy("--limit", "omv").code == 0
    clean = plan("--limit", "omv")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "nothing to do" in clean.stdout
    on_host("omv", "rm /etc/systemd/journald.conf.d/60-estate.conf")
    try:
        pending = plan("--limit", "omv")
        as_data = plan("--limit", "omv", "--json")
    finally:
        assert estate.deploy("--limit", "omv").code == 0
    assert pending.returncode == 2
    assert "/etc/systemd/journald.conf.d/60-estate.conf" in pending.stdout
    assert as_data.returncode == 2
    document = json.loads(as_data.stdout)
    assert document["hosts"] == ["omv"]
    changes = {(change["kind"], change["name"], change["action"]) for change in document["changes"]}
    assert changes == {
        ("file", "/etc/systemd/journald.conf.d/60-estate.conf", "create"),
        ("handler", "journald", "apply"),
    }


def test_a_limit_that_matches_nothing_is_refused():
    result = plan("--limit", "omw")
    assert result.returncode == 3
    assert "--limit omw: matches no host; did you mean omv?" in result.stderr
