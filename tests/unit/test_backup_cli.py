"""`estate backup`: what it asks of the host, what it shows, and what it ends with."""

import json
import shlex

import pytest
from typer.testing import CliRunner

from estate.cli.backup import common
from estate.cli.main import app
from estate.exit_codes import ExitCode
from estate.remote import Outcome
from estate.render.templates import ROOT

PROD = str(ROOT / "inventories" / "prod.py")
PROGRAM = "/opt/prodg/backups/scripts/estate-backup"
NEW, OLD = "2026-01-02T023000Z", "2026-01-01T023000Z"
ROWS = [
    {"store": "b2", "kind": "daily", "id": OLD, "complete": True, "sequence": 1, "size": 2048, "proven": True},
    {"store": "b2", "kind": "daily", "id": NEW, "complete": True, "sequence": 2, "size": 4096, "proven": False},
    {
        "store": "local",
        "kind": "daily",
        "id": "2026-01-03T023000Z",
        "complete": False,
        "fault": "incomplete: no manifest",
    },
]
LIST = {"sets": ROWS, "faults": {"nfs": "/mnt/omv: is not mounted; mount it"}}
RESTORED = {
    "set": NEW,
    "store": "b2",
    "to": "live",
    "ok": True,
    "safety": "2026-01-04T000000Z",
    "seconds": 61.0,
    "services": [{"service": "postgres", "ok": True, "proof": ["rows of 12 tables equal"], "seconds": 30}],
}


class Host:
    """Stands for the host: answers by command, and remembers what it was asked."""

    def __init__(self, answers=None, code=0, stderr=()):
        self.answers, self.code, self.stderr, self.scripts = answers or {}, code, stderr, []

    def __call__(self, name, ssh, script, say):
        self.scripts.append(script)
        for line in self.stderr:
            say(line)
        words = self.asked[-1]
        document = self.answers.get(words[0], "")
        text = document if isinstance(document, str) else json.dumps(document)
        return Outcome(self.code, text, "\n".join(self.stderr))

    @property
    def asked(self):
        """The words after the program's name, of each call."""
        calls = [next(x for x in script.splitlines() if PROGRAM in x) for script in self.scripts]
        return [shlex.split(call[call.index(PROGRAM) :])[1:] for call in calls]


@pytest.fixture
def on(monkeypatch):
    def install(**more):
        host = Host(**more)
        monkeypatch.setattr(common, "stream_as_root", host)
        return host

    return install


def estate(*words, stdin=""):
    result = CliRunner().invoke(app, ["backup", *words], input=stdin, env={"COLUMNS": "200"})
    assert not (result.exception and not isinstance(result.exception, SystemExit)), result.exception
    return result.exit_code, result.stdout, result.stderr


ASKED = [
    (("list", PROD), ["list"]),
    (("list", PROD, "--store", "b2"), ["list", "--store", "b2"]),
    (("show", PROD, OLD), ["show", OLD]),
    (("run", PROD), ["run", "--kind", "manual"]),
    (
        ("run", PROD, "--kind", "pre-migration", "--service", "redis", "--service", "postgres", "--store", "local"),
        ["run", "--kind", "pre-migration", "--store", "local", "--service", "redis", "--service", "postgres"],
    ),
    (("check", PROD, "--store", "b2", "--read-data"), ["check", "--store", "b2", "--read-data"]),
    (("check", PROD, "--set", "newest"), ["check", "--set", "newest"]),
    (("drill", PROD), ["drill", "newest"]),
    (("drill", PROD, OLD, "--service", "redis"), ["drill", OLD, "--service", "redis"]),
    (("accept", PROD, OLD), ["accept", OLD]),
    (("status", PROD), ["status"]),
    (("restore", PROD, OLD, "--to", "scratch"), ["restore", OLD, "--to", "scratch"]),
]


@pytest.mark.parametrize(("words", "asked"), ASKED, ids=[" ".join(row[1]) for row in ASKED])
def test_what_the_host_is_asked(on, words, asked):
    answer = {"ok": True, "set": OLD, "manifest": {}, "stores": [], "services": []}
    host = on(answers=dict.fromkeys(("list", "show", "run", "check", "drill", "accept", "status", "restore"), answer))
    code, stdout, stderr = estate(*words)
    assert (code, host.asked) == (0, [[*asked, "--json"]]), stderr
    assert stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", PROD, "--store", "locla"), "--store locla: no such store; did you mean local?"),
        (("run", PROD, "--service", "redsi"), "--service redsi: no such service; did you mean redis?"),
        (("run", PROD, "--kind", "hourly"), "--kind hourly: no such kind; choose one of daily"),
        (("run", PROD, "--kind", "pre-restore"), "--kind pre-restore: no such kind"),
        (("accept", PROD, "newest"), "newest: which one is a decision"),
        (("list", PROD, "--host", "omv"), "omv: is no host with backups; "),
        (("restore", PROD, OLD, "--to", "mars"), "mars: is no host with backups; "),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_connected_to(on, words, said):
    host = on()
    code, stdout, stderr = estate(*words)
    assert (code, host.scripts, stdout) == (1, [], "")
    assert said in stderr


@pytest.mark.parametrize(
    ("code", "ends"), [(0, ExitCode.DONE), (1, ExitCode.FAILED), (64, ExitCode.USAGE), (75, ExitCode.LOCKED)]
)
def test_it_ends_as_the_hosts_program_did(on, code, ends):
    on(answers={"status": {"host": "mainframe"}}, code=code)
    assert estate("status", PROD)[0] == ends


def test_a_fault_of_the_host_is_a_fault_here(on):
    on(answers={"show": {"ok": False, "fault": "sets/x: no store has it; list shows more", "code": 1}}, code=1)
    code, stdout, stderr = estate("show", PROD, "x")
    assert (code, stdout) == (1, "")
    assert "mainframe/estate-backup show: sets/x: no store has it" in stderr
    assert "nothing was changed" not in stderr


def test_another_backup_at_work_is_no_failure_of_this_one(on):
    on(
        answers={"run": {"ok": False, "fault": "/run/lock/x: another backup runs since 02:30 (pid 7)", "code": 75}},
        code=75,
    )
    code, _, stderr = estate("run", PROD)
    assert code == ExitCode.LOCKED
    assert "another backup runs since 02:30 (pid 7)" in stderr


@pytest.mark.parametrize(
    ("code", "stderr", "said"),
    [
        (127, (), "the backups are not deployed there; `estate deploy` first"),
        (1, ("Traceback", "ValueError: x"), "mainframe/estate-backup list: ValueError: x"),
        (137, (), "ended with 137 and said nothing"),
    ],
)
def test_a_host_that_gives_no_answer_is_told_with_its_last_words(on, code, stderr, said):
    on(answers={"list": "no json"}, code=code, stderr=stderr)
    ended, _, text = estate("list", PROD)
    assert ended == ExitCode.FAILED
    assert said in text


def test_progress_is_shown_as_it_comes_and_kept_out_of_the_answer(on):
    on(answers={"run": {"ok": True, "id": NEW}}, stderr=("INFO postgres: 12 MB",))
    _, stdout, stderr = estate("run", PROD, "--json")
    assert "· INFO postgres: 12 MB" in stderr
    assert json.loads(stdout) == {"ok": True, "id": NEW}


def test_every_set_is_a_line_and_a_store_that_is_away_is_named(on):
    on(answers={"list": LIST}, code=1)
    code, stdout, _ = estate("list", PROD)
    assert code == ExitCode.FAILED
    line = next(x for x in stdout.splitlines() if NEW in x)
    assert "4.0 KiB" in line
    assert stdout.index(NEW) < stdout.index(OLD)
    assert "incomplete: no manifest" in stdout
    assert "nfs: /mnt/omv: is not mounted" in stdout


def test_live_data_are_replaced_only_when_the_hosts_name_is_typed(on):
    host = on(answers={"restore": RESTORED})
    code, _, stderr = estate("restore", PROD, OLD, "--to", "live", stdin="yes\n")
    assert (code, host.scripts) == (1, [])
    assert "mainframe: not confirmed; nothing was changed" in stderr
    code, stdout, _ = estate("restore", PROD, OLD, "--to", "live", stdin="mainframe\n")
    assert (code, host.asked) == (0, [["restore", OLD, "--to", "live", "--confirm", "mainframe", "--json"]])
    assert "rows of 12 tables equal" in stdout
    assert "what was there before is in the set 2026-01-04T000000Z" in stdout


def test_the_name_can_be_given_and_a_wrong_one_is_refused(on):
    host = on(answers={"restore": RESTORED})
    assert estate("restore", PROD, OLD, "--to", "mainframe", "--confirm", "mainframe")[0] == 0
    assert estate("restore", PROD, OLD, "--to", "live", "--confirm", "main")[0] == 1
    assert len(host.scripts) == 1


def test_an_interrupted_restore_is_given_up_only_when_the_hosts_name_is_typed(on):
    said = {"ok": True, "set": NEW, "services": ["redis"], "notes": ["the old data are back and run"]}
    host = on(answers={"abandon": said})
    assert estate("abandon", PROD, stdin="yes\n")[0] == 1
    assert host.scripts == []
    code, stdout, _ = estate("abandon", PROD, "--confirm", "mainframe")
    assert (code, host.asked) == (0, [["abandon", "--json"]])
    assert "take_lock" in host.scripts[-1]
    assert "the old data are back and run" in stdout


def test_that_there_is_nothing_to_give_up_is_said(on):
    on(answers={"abandon": {"ok": True, "notes": ["no restore is unfinished"]}})
    code, stdout, _ = estate("abandon", PROD, stdin="mainframe\n")
    assert code == 0
    assert "no restore is unfinished" in stdout


def test_the_newest_set_is_named_before_it_is_restored(on):
    host = on(answers={"list": LIST, "restore": RESTORED})
    code, _, stderr = estate("restore", PROD, "newest", "--to", "live", "--confirm", "mainframe")
    assert (code, [words[:2] for words in host.asked]) == (0, [["list", "--json"], ["restore", NEW]])
    assert f"the newest set is {NEW}" in stderr


def test_only_a_restore_into_live_data_takes_the_hosts_lock(on):
    host = on(answers={"restore": RESTORED, "status": {}})
    estate("restore", PROD, OLD, "--to", "scratch")
    estate("status", PROD)
    estate("restore", PROD, OLD, "--to", "live", "--confirm", "mainframe")
    assert ["take_lock" in script for script in host.scripts] == [False, False, True]
    assert f"estate backup restore {OLD}" in host.scripts[-1]


def test_a_host_that_somebody_deploys_to_is_left_alone(on):
    locked = "locked\trun-1\tann@desk\t2026-01-02T03:04:05Z\testate deploy\t20"
    on(answers={"restore": locked}, code=98)
    code, _, stderr = estate("restore", PROD, OLD, "--to", "live", "--confirm", "mainframe")
    assert code == ExitCode.LOCKED
    assert "locked by ann@desk since 2026-01-02T03:04:05Z (estate deploy), for 20 s more" in stderr
