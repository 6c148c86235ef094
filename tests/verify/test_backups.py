"""Backups: their program runs, its timers are set, the newest set is young, and no credential lies about."""

from datetime import UTC, datetime

import pytest

DAY = 86400
LATE = 26 * 3600


@pytest.fixture
def status(node, seen):
    """What the host's program says of its backups."""
    if not getattr(node.host, "backups", None):
        pytest.skip("the host has no backups")
    return seen.json("backup-status")


@pytest.fixture
def new(seen, status):
    """Whether the host has had its backups for less than a day."""
    since, now = (int(line) for line in seen.lines("backup-since"))
    return bool(since) and now - since < DAY


def test_the_program_knows_its_host(node, status):
    assert status["host"] == node.host.name


def test_the_timers_wait_for_their_time(node, seen, status):
    rows = seen.rows("units")
    for unit in node.tasks["backups"].units:
        assert unit.name.endswith(".timer")
        assert rows[unit.name][1].split()[0] == "active", unit.name


def test_the_newest_set_is_young(status, new):
    if not status["newest"]:
        assert new, "there is no set, and there has been a day for one"
        return
    made = datetime.strptime(status["newest"], "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)
    now = datetime.fromisoformat(status["now"].replace("Z", "+00:00"))
    assert (now - made).total_seconds() < LATE, f"the newest set is {status['newest']}"


def test_what_ran_last_ended_well(status):
    failed = {kind: run["failed"] or run["stores"] for kind, run in status["runs"].items() if not run["ok"]}
    assert failed == {}
    assert not status["restoring"], "a restore was interrupted"


def test_no_credential_is_in_what_others_may_read(status, seen):
    assert seen.lines("backup-leaks") == []


def test_prometheus_gets_the_metrics(status, seen):
    if status["runs"]:
        assert int(seen.text("backup-metrics")) > 0
