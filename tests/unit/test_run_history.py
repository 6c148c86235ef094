"""The hosts' journals: read by a script, parsed with tolerance, put together by run; and `estate history`."""

import json
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import pytest
import run_records as records
from typer.testing import CliRunner

from estate.cli.main import app
from estate.exit_codes import ExitCode
from estate.inventory import load
from estate.models.faults import EstateFaults, Fault
from estate.remote import Outcome
from estate.render.templates import ROOT
from estate.run import history
from estate.run.history import merge, parse, read_script, worst

PROD = str(ROOT / "inventories" / "prod.py")
HOSTS = sorted(load((ROOT / "inventories" / "prod.py").resolve()).hosts)
FIRST, SECOND = HOSTS[:2]
OLD, NEW = "20310102T030405Z-abcd", "20310103T030405Z-abcd"


def line(record):
    return f"{record.run}.json\t{record.model_dump_json()}\n"


def test_the_script_prints_the_last_files_a_line_each(tmp_path):
    for number in range(1, 5):
        record = records.run(f"2031010{number}T000000Z-abcd", notices=("two\nlines",))
        (tmp_path / f"{record.run}.json").write_text(record.model_dump_json(indent=2) + "\n")
    (tmp_path / "20320101T000000Z-abcd.json").write_text('{"run":\r\n')
    (tmp_path / ".20320101T000000Z-tmp.json").write_text("{}")
    (tmp_path / "other.txt").write_text("no")
    (tmp_path / "20330101T000000Z-dir.json").mkdir()
    done = subprocess.run(["sh", "-c", read_script(4, str(tmp_path))], capture_output=True, text=True, check=True)
    journal = parse("web1", done.stdout)
    assert [r.run for r in journal.records] == ["20310103T000000Z-abcd", "20310104T000000Z-abcd"]
    assert journal.records[0].notices == ("two\nlines",)
    assert journal.broken == ("20320101T000000Z-abcd.json",)
    assert done.stderr == ""


def test_a_host_without_a_journal_answers_with_nothing(tmp_path):
    for directory in (tmp_path, tmp_path / "none"):
        done = subprocess.run(["sh", "-c", read_script(4, str(directory))], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("content", ["", "null", "[]", "{", '{"run": "a"}', "\x00\ufffd", '{"surprise": 1}'])
def test_a_broken_file_is_named_and_the_others_count(content):
    journal = parse("web1", line(records.run(OLD)) + f"broken.json\t{content}\n" + line(records.run(NEW)))
    assert [record.run for record in journal.records] == [OLD, NEW]
    assert journal.broken == ("broken.json",)


def test_a_line_end_of_another_kind_is_text():
    record = records.run(notices=("a\u2028b\x85c\x0bd",))
    assert parse("web1", line(record)).records == (record,)


def test_runs_are_merged_by_their_id_the_newest_first():
    later = datetime(2031, 1, 3, 3, 4, 5, tzinfo=UTC)
    merged = merge(
        [
            records.run(OLD, hosts=(records.host("web2"),), seconds=3, notices=("a", "b")),
            records.run(NEW, began=later, hosts=(records.host("web1"),)),
            records.run(OLD, hosts=(records.host("web1", "failed"),), seconds=9, notices=("b", "c"), outcome="failed"),
        ]
    )
    assert [(run.run, [host.name for host in run.hosts]) for run in merged] == [
        (NEW, ["web1"]),
        (OLD, ["web1", "web2"]),
    ]
    assert (merged[1].outcome, merged[1].seconds) == ("failed", 9)
    assert set(merged[1].notices) == {"a", "b", "c"}


def test_merging_does_not_depend_on_the_order_of_the_answers():
    parts = [records.run(OLD, hosts=(records.host(name),), faults=(name,)) for name in ("web3", "web1", "web2")]
    assert merge(parts) == merge(reversed(parts))
    assert merge([]) == []


def test_a_moment_without_a_zone_is_in_utc():
    bare = datetime(2031, 1, 5)
    merged = merge([records.run(OLD), records.run(NEW, began=bare), records.run("x", began=bare + timedelta(days=1))])
    assert [run.run for run in merged] == ["x", NEW, OLD]
    assert merged[0].began.tzinfo is UTC


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["done", "done"], "done"),
        (["done", "interrupted"], "interrupted"),
        (["returned", "not_returned", "done"], "not_returned"),
        (["failed", ""], ""),
        (["done", "something new"], "something new"),
        ([], ""),
    ],
)
def test_the_worst_outcome(outcomes, expected):
    assert worst(outcomes) == expected


def test_every_exit_code_has_its_place_among_the_outcomes():
    assert sorted(history._SEVERITY) == sorted(code.name.lower() for code in ExitCode)


@pytest.mark.parametrize(
    ("run", "host", "expected"),
    [("", "done", "done"), ("done", "", "done"), ("", "", ""), ("done", "failed", "failed")],
)
def test_a_record_that_does_not_say_how_its_run_ended_says_how_its_host_did(run, host, expected):
    assert merge([records.run(outcome=run, hosts=(records.host("web1", host),))])[0].outcome == expected


@pytest.fixture
def hosts(monkeypatch):
    """What each host answers; one that is not in here has no journal."""
    answers = {}
    asked = []

    def answer(name, ssh, script, *, stdin="", timeout=120):
        asked.append((name, script))
        given = answers.get(name, "")
        if isinstance(given, Exception):
            raise given
        return given if isinstance(given, Outcome) else Outcome(0, given, "")

    monkeypatch.setattr(history, "run_as_root", answer)
    answers["asked"] = asked
    return answers


def estate_history(*words):
    result = CliRunner().invoke(app, ["history", PROD, *words])
    assert not (result.exception and not isinstance(result.exception, SystemExit)), result.exception
    return result


def unreachable(name):
    return EstateFaults([Fault(name, "unreachable: no route to host", "try `ssh`")])


def test_the_table_shows_each_run_once(hosts):
    for name in (FIRST, SECOND):
        hosts[name] = line(records.run(OLD, hosts=(records.host(name),)))
    result = estate_history()
    assert result.exit_code == 0
    row = next(text for text in result.stdout.splitlines() if OLD in text)
    assert row.split() == ["2031-01-02", "03:04", OLD, "ops@desk", "deploy", "done", "2", "0", "12.5"]
    assert result.stdout.count(OLD) == 1
    assert sorted(name for name, _ in hosts["asked"]) == HOSTS


def test_an_unreachable_host_is_named_and_the_others_are_shown(hosts):
    hosts[FIRST] = unreachable(FIRST)
    hosts[SECOND] = line(records.run(OLD))
    result = estate_history()
    assert result.exit_code == ExitCode.UNREACHABLE
    assert OLD in result.stdout
    assert f"{FIRST}: unreachable: no route to host" in result.stderr


def test_a_journal_that_root_cannot_read_is_a_failure(hosts):
    hosts[FIRST] = Outcome(1, "", "warning\nsudo: a password is required\n")
    result = estate_history()
    assert result.exit_code == ExitCode.FAILED
    assert f"{FIRST}: its journal cannot be read: sudo: a password is required" in result.stderr
    assert "no runs" in result.stdout


def test_a_broken_file_is_named_and_no_failure(hosts):
    hosts[FIRST] = "bad.json\t{\n" + line(records.run(OLD))
    result = estate_history()
    assert (result.exit_code, OLD in result.stdout) == (0, True)
    assert f"{FIRST}: bad.json is not a record" in result.stderr


def test_a_hosts_history_has_its_operations_and_changes(hosts):
    steps = (
        records.operation(0, "changed", changes=(records.CHANGE,)),
        records.operation(1, "failed", output="line one\nline two"),
        records.operation(2, "interrupted"),
    )
    one = records.host(FIRST, "interrupted", *steps)
    hosts[FIRST] = line(records.run(OLD, hosts=(one,), outcome="interrupted", notices=("[red]run before[/red]",)))
    result = estate_history(FIRST)
    assert result.exit_code == 0
    for words in (
        f"interrupted: {FIRST}",
        "update file /etc/caddy/Caddyfile (content, mode 0600 to 0644)",
        "| line two",
        "1.0 s  failed      base: step 1 (0.8 s)",
        "[red]run before[/red]",
    ):
        assert words in result.stdout
    assert [name for name, _ in hosts["asked"]] == [FIRST]


def test_an_interrupted_run_is_red():
    from estate.cli.history import _outcome

    shown = _outcome(
        records.run(outcome="interrupted", hosts=tuple(records.host(f"h{n}", "interrupted") for n in "12345"))
    )
    assert (shown.plain, str(shown.style)) == ("interrupted: h1, h2, h3 and 2 more", "red")


def test_json_is_the_merged_list(hosts):
    for name in (FIRST, SECOND):
        hosts[name] = line(records.run(OLD, hosts=(records.host(name),)))
    runs = json.loads(estate_history("--json").stdout)
    assert [(run["run"], [host["name"] for host in run["hosts"]]) for run in runs] == [(OLD, [FIRST, SECOND])]
    assert json.loads(estate_history("--json", SECOND).stdout)[0]["hosts"][0]["name"] == SECOND


def test_only_so_many_runs_are_shown(hosts):
    first = records.run(OLD)
    hosts[FIRST] = line(first) + line(records.run(NEW, began=first.began + timedelta(days=1)))
    assert [run["run"] for run in json.loads(estate_history("--json", "--last", "1").stdout)] == [NEW]
    assert all("tail -n 1 " in script for _, script in hosts["asked"])
    assert estate_history("--last", "0").exit_code != 0


def test_an_unknown_host_is_named_with_a_near_miss(hosts):
    result = estate_history(FIRST[:-1] + "q")
    assert result.exit_code == 1
    assert f"did you mean {FIRST}?" in result.output + result.stderr
    assert hosts["asked"] == []


def test_a_host_cannot_steer_the_terminal(hosts):
    step = records.operation(0, "failed", name="\x1b[2Jgone", output="\x1b]0;title\x07x")
    evil = records.host(FIRST, "failed", step, error="\x1b[1A")
    hosts[FIRST] = line(records.run(OLD, who="\x1b[31mroot", hosts=(evil,))) + "\x1b[2J.json\t{\n"
    result = estate_history(FIRST)
    assert "\x1b" not in result.output + result.stderr
    assert "gone" in result.stdout


def test_the_hosts_are_asked_at_once(hosts, monkeypatch):
    together = threading.Barrier(len(HOSTS), timeout=20)

    def answer(*_, **__):
        together.wait()
        return Outcome(0, "", "")

    monkeypatch.setattr(history, "run_as_root", answer)
    assert estate_history().exit_code == 0
