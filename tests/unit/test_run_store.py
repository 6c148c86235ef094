"""The reports on the operator's machine: private, whole, without secrets, and not for ever."""

import html
import json
from pathlib import Path

import pytest
import run_records as records

from estate.models.faults import EstateFaults
from estate.run import store
from estate.run.report import page
from estate.secrets import redact as redactor
from estate.secrets.redact import MASK, Redactor

POISON = "qzx<son>&\"'\\\nvalue"
"""JSON and HTML write it in another way."""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_run_is_kept_as_data_and_as_a_page(state):
    record = records.returned()
    saved = store.save(record)
    assert saved == state / "estate/runs/prod" / record.run / "report.html"
    assert store.load("prod", record.run) == record
    assert saved.read_text() == page(record)
    assert sorted(path.name for path in saved.parent.iterdir()) == ["report.html", "report.json"]


def test_only_the_owner_reads_it(state):
    (state / "estate").mkdir(parents=True, mode=0o755)
    saved = store.save(records.run())
    assert {mode(path) for path in saved.parent.iterdir()} == {0o600}
    assert [mode(path) for path in list(saved.parents)[:4]] == [0o700] * 4


@pytest.mark.parametrize("value", ["", "relative/state"])
def test_without_an_absolute_state_home_it_is_in_the_home(value, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.runs_directory() == tmp_path / ".local/state/estate/runs"


def test_a_known_secret_is_nowhere_in_a_report(monkeypatch):
    mine = Redactor()
    mine.learn([POISON, "plainpoison"])
    assert mine is not redactor.redact
    monkeypatch.setattr(store, "redact", mine)
    change = {"kind": "file", "name": POISON, "action": "update", "why": [POISON], "diff": f"-{POISON}", POISON: "x"}
    step = records.operation(0, "failed", name=POISON, output=f"a {POISON} plainpoison", changes=(change,))
    hosts = (records.host(f"web1{POISON}", "failed", step, error=POISON),)
    lists = dict.fromkeys(("faults", "quarantined", "notices"), (POISON,))
    saved = store.save(records.run(who=POISON, purpose=POISON, commit=POISON, plan=POISON, hosts=hosts, **lists))
    for path in saved.parent.iterdir():
        text = path.read_text()
        for form in (POISON, html.escape(POISON), json.dumps(POISON)[1:-1], "qzx", "plainpoison"):
            assert form not in text, (path.name, form)
        assert MASK in text


def test_the_process_redactor_is_the_one_used(monkeypatch):
    monkeypatch.setattr(store.redact, "_values", {"processpoison"})
    record = records.run(purpose="deploy processpoison")
    store.save(record)
    assert store.load("prod", record.run).purpose == f"deploy {MASK}"


def test_saving_again_replaces_the_report():
    store.save(records.run(outcome=""))
    saved = store.save(records.run(outcome="done"))
    assert len(list(saved.parent.parent.iterdir())) == 1
    assert store.load("prod", records.run().run).outcome == "done"


def test_a_failed_write_leaves_the_old_report_and_nothing_else(monkeypatch):
    saved = store.save(records.run())
    before = saved.read_text()

    def full(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        store.save(records.run(outcome="failed"))
    assert saved.read_text() == before
    assert store.load("prod", records.run().run).outcome == "done"
    assert sorted(path.name for path in saved.parent.iterdir()) == ["report.html", "report.json"]


def test_the_data_are_kept_when_the_page_cannot_be_made(monkeypatch):
    def broken(record):
        raise RuntimeError("no page")

    monkeypatch.setattr(store, "page", broken)
    with pytest.raises(RuntimeError):
        store.save(records.run())
    assert store.latest("prod") == records.run()


def test_only_the_last_runs_are_kept(monkeypatch):
    monkeypatch.setattr(store, "KEPT", 3)
    ids = [f"2031010{day}T000000Z-abcd" for day in range(1, 6)]
    for run in ids:
        saved = store.save(records.run(run))
    store.save(records.run(ids[0], estate="lab"))
    assert sorted(path.name for path in saved.parent.parent.iterdir()) == ids[2:]
    assert store.latest("prod") == records.run(ids[-1])
    assert store.latest("lab").run == ids[0]


def test_the_run_just_saved_is_kept_even_if_its_clock_is_behind(monkeypatch):
    monkeypatch.setattr(store, "KEPT", 1)
    store.save(records.run("20310102T000000Z-abcd"))
    assert store.save(records.run("20300102T000000Z-abcd")).exists()


def test_latest_passes_over_a_run_that_left_nothing(state):
    assert store.latest("prod") is None
    store.save(records.run())
    (state / "estate/runs/prod/20991231T000000Z-zzzz").mkdir()
    assert store.latest("prod") == records.run()


@pytest.mark.parametrize("name", ["", ".", "..", "../lab", "a/b", "/etc", "a\0b", ".hidden"])
def test_a_name_does_not_lead_elsewhere(name):
    with pytest.raises(EstateFaults, match="is no name of a directory"):
        store.load("prod", name)
    with pytest.raises(EstateFaults, match="is no name of a directory"):
        store.save(records.run(estate=name))


def test_what_is_not_there_or_broken_is_said_so():
    with pytest.raises(EstateFaults, match="no such report"):
        store.load("prod", "20310102T000000Z-abcd")
    saved = store.save(records.run())
    saved.with_name("report.json").write_text('{"run": 1')
    with pytest.raises(EstateFaults, match="it is not a report"):
        store.load("prod", records.run().run)


def test_half_a_character_does_not_stop_a_report():
    step = records.operation(0, "failed", output="bad \udcff byte")
    saved = store.save(records.run(hosts=(records.host("web1", "failed", step),)))
    assert "bad ? byte" in saved.read_text()
