"""How `estate backup` shows what the host's program said."""

import os

import pytest
from rich.console import Console

from estate.cli.backup import view

NEW, OLD = "2026-01-02T023000Z", "2026-01-01T023000Z"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], ""),
        ([{"id": "a", "complete": False}], ""),
        ([{"id": "a", "sequence": 9, "complete": True}, {"id": "b", "sequence": 10, "complete": True}], "b"),
        ([{"id": "a", "sequence": 1}, {"id": "b", "sequence": 2, "failed": {"redis": "x"}}], "a"),
        ([{"id": "a", "sequence": 1}, {"id": "b", "sequence": 2, "suspect": ["x"]}], "a"),
        ([{"id": "a", "sequence": 1}, {"id": "b", "sequence": 2, "suspect": ["x"], "accepted": True}], "b"),
        ([{"id": "b", "sequence": 2, "suspect": ["x"]}], "b"),
        ([{"id": "a", "sequence": 1, "kind": "daily"}, {"id": "b", "sequence": 2, "kind": "pre-restore"}], "a"),
    ],
)
def test_the_newest_is_the_last_whole_one_that_nothing_is_wrong_with(rows, expected):
    assert view.newest({"sets": rows}) == expected


def text(page, document):
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(page(document))
    return console.export_text()


def test_pages_say_what_went_wrong():
    made = {
        "kind": "daily",
        "id": NEW,
        "ok": False,
        "seconds": 75,
        "failed": {"redis": "BGSAVE failed"},
        "suspect": ["s3: shrunk"],
        "stores": {
            "b2": {"ok": False, "why": "b2: 403", "bytes": 0, "seconds": 1, "pruned": [], "kept_all": "not proven"}
        },
        "warnings": ["the clock went back"],
    }
    shown = text(view.run, made)
    for words in ("BGSAVE failed", "s3: shrunk", "b2: 403", "not proven", "the clock went back"):
        assert words in shown
    checked = {
        "stores": [{"store": "b2", "ok": False, "sets": 2, "faults": ["b2/daily/x: was altered"], "read_data": True}]
    }
    assert "was altered" in text(view.checked, checked)
    drilled = {
        "set": NEW,
        "store": "b2",
        "ok": False,
        "rto_seconds": 42,
        "rpo_seconds": 90000,
        "why": "not proven: redis",
        "services": [{"service": "redis", "ok": False, "why": "fewer keys", "seconds": 3}],
        "notes": ["keys: differ"],
    }
    shown = text(view.drilled, drilled)
    for words in ("NOT PROVEN", "RTO 42 s", "RPO 25.0 h", "fewer keys", "keys: differ"):
        assert words in shown


def test_the_status_is_a_page_of_its_own():
    shown = text(
        view.status,
        {
            "host": "mainframe",
            "newest": NEW,
            "newest_proven": True,
            "suspect": [OLD],
            "restoring": True,
            "runs": {
                "daily": {
                    "id": NEW,
                    "started": "2026-01-02T02:30:00Z",
                    "ok": True,
                    "seconds": 9,
                    "bytes": 10,
                    "stores": {"b2": True},
                }
            },
            "incomplete": {"b2": ["daily/2099-01-01T000000Z"]},
            "not_pruned": {"local": "no drill has proven it"},
            "checks": {"b2": {"at": 1767323400, "ok": False, "faults": ["b2/x: is missing"], "sets": 3}},
            "drills": {NEW: {"at": "2026-01-02T05:30:00Z", "ok": True, "store": "b2", "rto_seconds": 60}},
        },
    )
    for words in ("2026-01-02 02:30", "is missing", "2026-01-02 03:10", "`estate backup accept`", "interrupted"):
        assert words in shown, shown
    assert "prune --incomplete daily/2099-01-01T000000Z" in shown
    assert "local: not pruned: no drill has proven it" in shown


def test_a_set_is_shown_with_its_services():
    made = {
        "manifest": {
            "id": NEW,
            "kind": "daily",
            "sequence": 2,
            "files": {"redis/redis.rdb.age": {"size": 2048}},
            "objects": ["a"],
            "services": {"redis": {"image": "redis:7", "keys": ["K"], "files": ["redis/redis.rdb.age"]}},
            "failed": {"s3": "unreadable"},
        }
    }
    shown = text(view.one_set, made)
    for words in ("redis.rdb.age", "2.0 KiB", "redis:7", "unreadable"):
        assert words in shown


@pytest.mark.parametrize(
    ("given", "shown"), [(None, "-"), (0, "0 B"), (1536, "1.5 KiB"), (3 * 1024**3, "3.0 GiB"), (2**50, "1024.0 TiB")]
)
def test_sizes(given, shown):
    assert view.size(given) == shown
