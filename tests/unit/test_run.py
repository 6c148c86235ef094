"""A run's options, lock, outcome and record: what decides about its safety without a host."""

import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from estate.exit_codes import ExitCode
from estate.run import lock
from estate.run.current import NOT_RETURNED, RETURNED, HostRun, Run
from estate.run.journal import KEPT, interrupted_record, journal_text, write_script
from estate.run.lock import Holder
from estate.run.options import Options, option_faults
from estate.run.outcome import host_outcome, run_outcome
from estate.run.record import OperationRecord
from estate.secrets.redact import MASK, redact

HOSTS, GROUPS = ["mainframe", "vps", "tokyo"], {"mainframe", "edge", "all", "lab"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), []),
        (Options(dry=True), []),
        (Options(yes=True), []),
        (Options(limit=("vps", "edge", "m*", "all")), []),
        (Options(exclude=("tokyo",)), []),
        (Options(no_wait=True), ["--no-wait"]),
        (Options(dry=True, yes=True), ["--dry -y"]),
        (Options(limit=("vsp",)), ["--limit vsp"]),
        (Options(limit=("vps,tokyo",)), ["--limit vps,tokyo"]),
        (Options(exclude=("tokio",)), ["--exclude tokio"]),
        (Options(dry=True, yes=True, no_wait=True, limit=("x",)), ["--limit x", "--no-wait", "--dry -y"]),
    ],
)
def test_what_is_unsafe_is_refused_with_a_remedy(options, expected):
    faults = option_faults(options, HOSTS, GROUPS)
    assert [fault.path for fault in faults] == expected
    assert all(fault.remedy for fault in faults)


def test_a_misspelt_limit_names_the_closest():
    assert "mainframe" in option_faults(Options(limit=("mainfraem",)), HOSTS, GROUPS)[0].remedy
    assert "once for every name" in option_faults(Options(limit=("a,b",)), HOSTS, GROUPS)[0].remedy


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ExitCode.DONE),
        ({"failed": True}, ExitCode.NOT_RETURNED),
        ({"failed": True, "returned": True}, ExitCode.RETURNED),
        ({"failed": True, "returned": True, "lost": True}, ExitCode.RETURNED),
        ({"failed": True, "lost": True}, ExitCode.UNREACHABLE),
        ({"failed": True, "unlocked": True}, ExitCode.LOCKED),
    ],
)
def test_how_it_ends_for_a_host(facts, expected):
    base = {"failed": False, "lost": False, "unlocked": False, "returned": False}
    assert host_outcome(**(base | facts)) is expected


@pytest.mark.parametrize(
    ("hosts", "interrupted", "finished", "expected"),
    [
        ([], False, True, ExitCode.DONE),
        (["DONE"], False, True, ExitCode.DONE),
        (["DONE"], False, False, ExitCode.FAILED),
        (["DONE"], True, False, ExitCode.INTERRUPTED),
        (["DONE", "RETURNED"], False, False, ExitCode.RETURNED),
        (["RETURNED", "NOT_RETURNED"], False, False, ExitCode.NOT_RETURNED),
        (["RETURNED", "UNREACHABLE"], False, False, ExitCode.UNREACHABLE),
        (["DONE", "LOCKED"], False, False, ExitCode.LOCKED),
    ],
)
def test_the_run_ends_as_the_host_with_most_left_to_do(hosts, interrupted, finished, expected):
    codes = [ExitCode[name] for name in hosts]
    assert run_outcome(codes, interrupted=interrupted, finished=finished) is expected


def test_exit_codes_are_distinct_and_none_is_clicks_own():
    assert len({int(code) for code in ExitCode}) == len(ExitCode)


def test_of_what_a_command_says_about_its_return_the_last_word_counts():
    host = HostRun("vps")
    host.hear(["something", f"{RETURNED} 20260101T000000Z"])
    assert host.returned
    host.hear([f"{NOT_RETURNED} it broke"])
    assert not host.returned


def make_run(**options):
    run = Run(Options(**options), "lab", "estate deploy lab", who="mitch@laptop")
    run.executing = True
    return run


def test_a_record_of_one_host_has_that_host_alone():
    run = make_run()
    run.host("vps").failed = True
    run.host("tokyo")
    assert [host.name for host in run.record().hosts] == ["tokyo", "vps"]
    assert [host.name for host in run.record("vps").hosts] == ["vps"]
    assert run.record().outcome == "not_returned"


def test_a_refused_run_is_not_one_that_failed():
    run = make_run()
    run.executing = False
    assert run.outcome() is ExitCode.DONE
    run.refusal = ExitCode.LOCKED
    assert run.outcome() is ExitCode.LOCKED


def test_the_journal_holds_no_secret_and_no_diff():
    run = make_run()
    redact.learn(["a-poison-value"])
    change = {"kind": "file", "name": "/a", "action": "update", "why": ["a-poison-value"], "diff": "-old +new"}
    run.host("vps").operations.append(
        OperationRecord(task="Base", name="Sync", began=0, ended=1, outcome="changed", changes=(change,))
    )
    text = journal_text(run.record("vps"))
    assert "a-poison-value" not in text
    assert MASK in text
    assert "-old +new" not in text


# The shell, run for real below a directory of its own

ME = Holder("20260102T000000Z-aaaa", "mitch@laptop", "2026-01-02T00:00:00Z", "estate deploy lab")
OTHER = Holder("20260101T000000Z-bbbb", "ada@desk", "2026-01-01T00:00:00Z", "estate deploy prod")


def shell(root, text, stdin=""):
    text = text.replace("/var/lib/estate", f"{root}/var").replace("/run/estate", f"{root}/run")
    result = subprocess.run(["sh", "-c", text], input=stdin, capture_output=True, text=True, timeout=30)
    return result.returncode, result.stdout.splitlines(), result.stderr


def take(root, holder):
    return shell(root, lock.take_script(holder))[1]


def test_the_lock_is_one_runs_at_a_time(tmp_path):
    assert lock.was_taken(take(tmp_path, OTHER))
    lines = take(tmp_path, ME)
    assert not lock.was_taken(lines)
    fault = lock.lock_fault("vps", lines, "lab")
    assert "locked by ada@desk since 2026-01-01T00:00:00Z (estate deploy prod)" in str(fault)
    assert "estate unlock lab vps" in fault.remedy


def test_taking_it_again_and_renewing_are_for_its_owner(tmp_path):
    assert lock.was_taken(take(tmp_path, ME))
    assert lock.was_taken(take(tmp_path, ME))
    assert shell(tmp_path, lock.renew_script(ME))[1] == []
    assert shell(tmp_path, lock.renew_script(OTHER))[1] == ["lost"]


def test_given_back_it_is_free_and_only_its_owner_gives_it_back(tmp_path):
    take(tmp_path, ME)
    shell(tmp_path, lock.release_script(OTHER))
    assert not lock.was_taken(take(tmp_path, OTHER))
    shell(tmp_path, lock.release_script(ME))
    assert lock.was_taken(take(tmp_path, OTHER))


@pytest.mark.parametrize("ends", ["1", "99999999999", "", "soon"], ids=["over", "clock jumped", "empty", "broken"])
def test_a_lease_that_is_over_is_taken_and_its_owner_named(tmp_path, ends):
    take(tmp_path, OTHER)
    path = tmp_path / "var" / "run.lock"
    path.write_text("\t".join([OTHER.run, OTHER.who, OTHER.since, OTHER.purpose, ends]) + "\n")
    lines = take(tmp_path, ME)
    assert lock.was_taken(lines)
    assert lock.interrupted(lines) == OTHER


def test_what_a_dead_controller_left_running_still_holds_the_host(tmp_path):
    take(tmp_path, OTHER)
    path = tmp_path / "var" / "run.lock"
    path.write_text("\t".join([OTHER.run, OTHER.who, OTHER.since, OTHER.purpose, "1"]) + "\n")
    text = (lock.fence(OTHER.run) + "sleep 3").replace("/var/lib/estate", f"{tmp_path}/var")
    with subprocess.Popen(["sh", "-c", text.replace("/run/estate", f"{tmp_path}/run")]) as left:
        subprocess.run(["sleep", "0.5"], check=True)
        lines = take(tmp_path, ME)
        left.wait()
    assert not lock.was_taken(lines)
    assert "still runs" in str(lock.lock_fault("vps", lines, "lab"))
    assert lock.was_taken(take(tmp_path, ME))


def test_what_a_lost_connection_left_running_keeps_the_lock(tmp_path):
    take(tmp_path, OTHER)
    text = (lock.fence(OTHER.run) + "sleep 2").replace("/var/lib/estate", f"{tmp_path}/var")
    with subprocess.Popen(["sh", "-c", text.replace("/run/estate", f"{tmp_path}/run")]) as left:
        subprocess.run(["sleep", "0.5"], check=True)
        shell(tmp_path, lock.release_script(OTHER))
        assert not lock.was_taken(take(tmp_path, ME))
        left.wait()
    shell(tmp_path, lock.release_script(OTHER))
    assert lock.was_taken(take(tmp_path, ME))


def test_after_a_reboot_the_lock_is_given_back(tmp_path):
    take(tmp_path, OTHER)
    shutil.rmtree(tmp_path / "run")
    shell(tmp_path, lock.release_script(OTHER))
    assert not (tmp_path / "var" / "run.lock").exists()


def test_a_command_without_the_lock_changes_nothing(tmp_path):
    take(tmp_path, OTHER)
    code, lines, error = shell(tmp_path, lock.fence(ME.run) + "echo changed")
    assert (code, lines) == (lock.LOST, [])
    assert "the lock was lost" in error
    assert shell(tmp_path, lock.fence(OTHER.run) + "echo changed")[1] == ["changed"]


def test_two_at_once_never_both_have_it(tmp_path):
    for _ in range(10):
        processes = []
        for holder in (ME, OTHER):
            text = lock.take_script(holder).replace("/var/lib/estate", f"{tmp_path}/var")
            text = text.replace("/run/estate", f"{tmp_path}/run")
            processes.append(subprocess.Popen(["sh", "-c", text], stdout=subprocess.PIPE, text=True))
        taken = [process.communicate()[0].splitlines()[-1:] == ["taken"] for process in processes]
        assert sorted(taken) == [False, True]
        for holder in (ME, OTHER):
            shell(tmp_path, lock.release_script(holder))


def test_a_read_only_place_is_said_so(tmp_path):
    (tmp_path / "var").write_text("a file where the directory would be")
    assert take(tmp_path, ME)[0].startswith("unwritable\t")


def test_what_a_run_said_itself_is_not_written_over_by_what_another_one_makes_of_its_lock(tmp_path):
    for said, over in (("itself", True), ("from its lock", False)):
        shell(tmp_path, write_script("2026", over=over), stdin=said)
    assert (tmp_path / "var" / "journal" / "2026.json").read_text() == "itself"
    shell(tmp_path, write_script("2027", over=False), stdin="from its lock")
    assert (tmp_path / "var" / "journal" / "2027.json").read_text() == "from its lock"


def test_the_journal_keeps_the_last_runs(tmp_path):
    folder = tmp_path / "var" / "journal"
    folder.mkdir(parents=True)
    for number in range(KEPT + 5):
        (folder / f"2025{number:04d}.json").write_text("{}")
    code, _, _ = shell(tmp_path, write_script("2026"), stdin='{"run": 1}\n')
    names = sorted(path.name for path in folder.iterdir())
    assert (code, len(names), names[-1]) == (0, KEPT, "2026.json")
    assert (folder / "2026.json").stat().st_mode & 0o777 == 0o600


def test_a_run_that_ended_without_a_word_gets_a_record():
    record = interrupted_record(OTHER, "lab", "vps")
    assert (record.outcome, record.who, record.began) == ("interrupted", OTHER.who, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_run_that_ended_well_is_not_resumed_and_another_is(tmp_path, monkeypatch):
    from pathlib import Path

    from estate.cli.deploy import resumed
    from estate.models.faults import EstateFaults
    from estate.run.store import save

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    inventory = Path(__file__).resolve().parents[2] / "inventories" / "prod.py"
    with pytest.raises(EstateFaults, match="ended well"):
        resumed(inventory)
    run = Run(Options(limit=("vps",)), "prod", "estate deploy prod", who="mitch@laptop", id="20260101T000000Z-aaaa")
    run.executing, run.interrupted = True, True
    save(run.record())
    assert resumed(inventory) == ("vps",)
    run = Run(Options(), "prod", "estate deploy prod", who="mitch@laptop", id="20260102T000000Z-aaaa")
    save(run.record())
    with pytest.raises(EstateFaults, match="ended well"):
        resumed(inventory)


def test_only_an_optional_host_is_left_out_by_the_wrapper():
    from pathlib import Path

    from estate.cli.deploy import run as deploy
    from estate.models.faults import EstateFaults

    inventory = Path(__file__).resolve().parents[2] / "inventories" / "prod.py"
    with pytest.raises(EstateFaults, match="is not an optional host"):
        deploy(inventory, (), ("mainframe",), "", yes=True)
