"""A run: what fails is named and does not take the rest with it, and nothing that was good is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from backup_host import START, Host

from estate_backup import __main__ as program
from estate_backup import check, lock, manifest, run, seal, show, state
from estate_backup.errors import BackupError, BusyError, UsageError
from estate_backup.store import open_store

FILES = Path(__file__).parents[2] / "files" / "backup"


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def contents(host):
    store = open_store(host.config, "near")
    ref = store.sets()[-1]
    return store.manifest(ref), manifest.open_contents(host.config, store, ref, host.base / "work")


def left(host):
    """What a run left in the spool."""
    return [path for path in host.config.work.rglob("*") if path.is_file()]


def test_a_set_says_all_that_is_in_it(host):
    report = host.run()
    assert report.ok, report.faults()
    made, inside = contents(host)
    assert (made.sequence, made.kind, made.commit, made.previous) == (1, "daily", "c0ffee", None)
    assert made.services["vault"].keys == ("VAULT_KEY",)
    assert made.services["vault"].image == "vault:1"
    assert inside.services["vault"]["db.sqlite3"].evidence == {"tables": {"ciphers": 100}}
    assert inside.services["vault"]["files.tar.zst"].evidence["files"] == 2
    objects = inside.services["s3"]["objects"].evidence
    assert len(objects["objects"]) == 12
    assert objects["directories"] == ["bucket", "empty"]
    assert {entry["object"] for entry in objects["objects"].values()} == set(made.objects)
    assert left(host) == []
    assert host.run().sequence == 2
    assert contents(host)[0].previous == made.id


def test_no_secret_and_no_name_of_a_user_is_in_the_clear(host):
    assert host.run().ok
    secret = (host.secrets / "keys" / "VAULT_KEY").read_bytes().strip()
    for path in [*(host.base / "near").rglob("*"), *(host.root / "backups").rglob("*")]:
        if path.is_file() and "state" not in path.parts:
            assert secret not in path.read_bytes(), path
            assert b"object-3" not in path.read_bytes(), path
    assert secret.decode() not in host.calls.read_text() if host.calls.exists() else True


def test_an_object_is_sent_once(host):
    assert host.run().object_bytes > 0
    assert host.run().object_bytes == 0
    (host.data / "s3" / "bucket" / "new").write_text("new")
    assert 0 < host.run().object_bytes < 400


def test_a_store_that_comes_later_gets_the_objects_of_the_others(host):
    host.run()
    weekly = host.run("weekly")
    assert weekly.ok, weekly.faults()
    assert {path.name for path in (host.base / "far").glob("objects/*/*")} == {
        path.name for path in (host.base / "near").glob("objects/*/*")
    }


def test_a_service_that_fails_is_named_and_the_others_are_kept(host):
    (host.data / "vault" / "db.sqlite3").unlink()
    report = host.run()
    assert not report.ok
    assert "db.sqlite3 is missing" in report.failed["vault"]
    made, _ = contents(host)
    assert set(made.services) == {"s3"}
    assert made.failed == report.failed
    assert 'estate_backup_service_ok{service="vault"} 0.0' in host.config.metrics.read_text()
    assert 'estate_backup_last_result{kind="daily"} 0.0' in host.config.metrics.read_text()
    assert "last_success" not in host.config.metrics.read_text()


def test_a_missing_key_fails_its_service(host):
    (host.secrets / "keys" / "VAULT_KEY").unlink()
    assert "services/vault/keys/VAULT_KEY" in host.run().failed["vault"]


def test_when_nothing_can_be_collected_no_set_is_made(host):
    (host.data / "vault" / "db.sqlite3").unlink()
    (host.data / "s3").rename(host.base / "s3")
    report = host.run()
    assert "none could be collected" in report.why
    assert host.sets() == []


def test_an_emptied_source_makes_a_suspect_set_and_the_good_one_stays(host):
    good = host.run()
    for path in (host.data / "s3" / "bucket").iterdir():
        path.unlink()
    report = host.run()
    assert not report.ok
    assert report.suspect == ["s3/objects: shrunk: 0 files, 12 in the last good set"]
    made, _ = contents(host)
    assert made.suspect == tuple(report.suspect)
    assert [path.name for path in host.sets()] == [good.id, report.id]
    assert len(list((host.base / "near").glob("objects/*/*"))) == 12
    assert 'estate_backup_suspect_sets{store="near"} 1.0' in host.config.metrics.read_text()
    # the floors are still those of the good one
    assert host.run().suspect == report.suspect
    assert show.accept(host.config, report.id)
    assert host.run().ok
    with pytest.raises(BackupError, match="is no suspect set"):
        show.accept(host.config, "2020-01-01T000000Z")


def test_a_table_that_lost_its_rows_makes_a_suspect_set(host):
    import sqlite3

    host.run()
    with sqlite3.connect(host.data / "vault" / "db.sqlite3") as database:
        database.execute("DELETE FROM ciphers WHERE id > 40")
    assert host.run().suspect == ["vault/db.sqlite3: shrunk: 40 rows, 100 in the last good set"]


def test_a_clock_that_went_back_is_told_and_hurts_nothing(host):
    first = host.run()
    second = host.run(after=-86400.0)
    assert second.ok
    assert second.warnings == [f"clock: {second.id} is not after {first.id}; see the host's clock"]
    refs = open_store(host.config, "near").sets()
    assert [ref.id for ref in refs] == [first.id, second.id]
    assert second.sequence == 2


def test_a_set_of_the_same_second_gets_the_next_ones_name(host):
    first = host.run()
    before = {path: path.read_bytes() for path in (host.base / "near").rglob("*") if path.is_file()}
    second, third = host.run(after=0.0), host.run(after=0.0)
    assert second.ok
    assert first.id < second.id < third.id
    assert (second.warnings, third.warnings) == ([], [])
    assert (
        before.items()
        <= {path: path.read_bytes() for path in (host.base / "near").rglob("*") if path.is_file()}.items()
    )


def test_sequences_go_on_when_the_state_is_lost(host):
    for _ in range(2):
        host.run()
    for path in host.config.state.glob("*.json"):
        path.unlink()
    assert host.run().sequence == 3


def test_a_sequence_is_not_used_again_when_no_store_took_the_set(host):
    host.run()
    (host.base / "near").rename(host.base / "kept")
    (host.base / "near").write_text("not a folder")
    failed = host.run()
    assert failed.stores["near"].why
    (host.base / "near").unlink()
    (host.base / "kept").rename(host.base / "near")
    assert host.run().sequence >= 2


def small(host, megabytes):
    """Make the spool a file system of its own that is soon full."""
    host.config.work.mkdir(parents=True, exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", host.config.work]
    if subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")


def test_a_full_local_disk_fails_the_service_by_name_and_leaves_nothing(host):
    assert host.run().ok
    before = {path: path.read_bytes() for path in (host.base / "near").rglob("*") if path.is_file()}
    (host.data / "vault" / "attachments" / "big").write_bytes(os.urandom(6 << 20))
    small(host, 4)
    try:
        # as a process: gevent, which tests of the controller bring here, lets no thread write while another reads
        made = command(host, "run", "--kind", "daily", "--json")
        report = json.loads(made.communicate(timeout=300)[0])
        assert made.returncode == 1
        assert "no space left" in report["failed"]["vault"].lower()
        assert left(host) == []
    finally:
        subprocess.run(["umount", host.config.work], check=True)
    for path, data in before.items():
        assert path.read_bytes() == data


def test_a_disk_that_is_full_when_the_set_is_closed_is_a_fault_and_no_crash(host, monkeypatch):
    def full(*words):
        raise OSError(28, "No space left on device", "manifest.json")

    monkeypatch.setattr(seal, "close", full)
    report = host.run()
    assert "No space left on device" in report.why
    assert left(host) == []
    assert not list((host.base / "near").glob("daily/*"))


def test_a_disk_without_the_reserve_is_told_before_anything_is_read(host):
    host.given["spool_reserve"] = 1 << 60
    host.write()
    report = host.run()
    assert "MiB in reserve are needed; make room" in report.why
    assert left(host) == []


def test_what_a_killed_run_left_in_the_spool_is_removed(host):
    stale = host.config.work / "run" / "scratch"
    stale.mkdir(parents=True)
    (stale / "vault-db.sqlite3").write_text("rows in the clear")
    assert host.run().ok
    assert left(host) == []


def test_a_safety_set_leaves_the_files_of_its_restore_alone(host):
    (host.config.work / "restore").mkdir(parents=True)
    (host.config.work / "restore" / "x.age").write_text("x")
    state.save(host.config.state / state.RESTORING, {})
    report = host.run("pre-restore", services=("vault",))
    assert report.ok, report.faults()
    assert (host.config.work / "restore" / "x.age").exists()
    assert [path.parent.name for path in host.sets()] == ["pre-restore"]
    with pytest.raises(BackupError, match="a restore did not end"):
        host.run("daily")


def test_a_safety_set_of_spoiled_data_raises_no_alarm_and_measures_nothing(host):
    daily = host.run()
    floors = state.last(host.config)["floors"]
    host.calls.with_suffix(".running").touch()
    shutil.rmtree(host.data / "s3" / "bucket")
    (host.data / "vault" / "db.sqlite3").write_text("no database")
    safety = host.run("pre-restore")
    assert (safety.ok, list(safety.failed), safety.suspect) == (False, ["vault"], [])
    assert "alert add" not in (host.calls.read_text() if host.calls.exists() else "")
    assert not [line for line in _alarming(host) if "pre-restore" in line]
    assert 'estate_backup_service_ok{service="vault"} 1.0' in host.config.metrics.read_text()
    last = state.last(host.config)
    assert (last["floors"], last["newest"], last["sequence"]) == (floors, daily.id, safety.sequence)
    assert show.find(host.config, "newest")[1].id == daily.id
    (found,) = check.check(host.config, ["near"], "newest")
    assert (found.ok, found.sets) == (True, 1)


def _alarming(host):
    return [x for x in host.config.metrics.read_text().splitlines() if not x.startswith("estate_backup_sets{")]


def test_wrong_keys_are_told_before_anything_is_shipped(host):
    other = host.base / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True)
    other.replace(host.config.signing_key)
    report = host.run()
    assert "signature does not match" in report.why
    assert not list((host.base / "near").glob("daily/*"))


def test_usage_faults(host):
    with pytest.raises(UsageError, match="is not a kind"):
        run.run(host.config, "hourly")
    with pytest.raises(UsageError, match="a daily set has all services"):
        run.run(host.config, "daily", services=("vault",))
    with pytest.raises(BackupError, match="services/nobody: is not declared"):
        run.run(host.config, "manual", services=("nobody",))


def test_two_backups_at_once_end_with_75_and_say_who(host):
    with lock.held(host.config.lock):
        with (
            pytest.raises(BusyError, match=rf"another backup runs since .* \(pid {os.getpid()}\)"),
            lock.held(host.config.lock),
        ):
            pass
        assert program.main(["--config", str(host.root / "backups" / "config.json"), "run"]) == 75
    assert host.sets() == []
    assert host.run().ok


def command(host, *words, **given):
    environment = {
        **os.environ,
        "PYTHONPATH": str(FILES),
        "ESTATE_BACKUP_CONFIG": str(host.config.base / "config.json"),
    }
    argv = [sys.executable, "-m", "estate_backup", *words]
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **given)


def test_the_program_as_the_host_runs_it(host):
    made = command(host, "run", "--kind", "daily", "--json")
    out, told = made.communicate(timeout=300)
    assert made.returncode == 0, told
    document = json.loads(out)
    assert document["ok"] is True
    for line in ("INFO vault/db.sqlite3: ", "INFO vault/files.tar.zst: ", "INFO s3/objects: 1266 bytes in "):
        assert line in told
    for words in (["list"], ["show", "newest"], ["status"], ["prune", "--dry-run"], ["check", "--set", "newest"]):
        for more in ([], ["--json"]):
            made = command(host, *words, *more)
            out, told = made.communicate(timeout=300)
            assert made.returncode == 0, (words, told)
            assert not more or json.loads(out)
    made = command(host, "keys", document["id"])
    assert json.loads(made.communicate(timeout=300)[0]) == {"vault": {"VAULT_KEY": "a-key-that-opens-the-vault\n"}}


@pytest.mark.parametrize(
    ("words", "code"), [(["run", "--kind", "hourly"], 64), ([], 64), (["show", "2020-01-01T000000Z"], 1)]
)
def test_exit_codes(host, words, code):
    made = command(host, *words)
    made.communicate(timeout=300)
    assert made.returncode == code


def test_a_run_that_is_stopped_leaves_an_empty_spool_and_a_free_lock(host):
    slow = host.bin / "zstd"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    made = command(host, "run")
    until = time.monotonic() + 60
    while not list(host.config.work.rglob("*.age")) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    made.send_signal(signal.SIGTERM)
    made.communicate(timeout=60)
    assert made.returncode != 0
    assert left(host) == []
    slow.unlink()
    assert host.run().ok


def test_a_run_that_is_killed_is_followed_by_a_good_one(host):
    slow = host.bin / "zstd"
    slow.write_text("#!/bin/sh\nexec sleep 5\n")
    slow.chmod(0o755)
    made = command(host, "run")
    until = time.monotonic() + 60
    while not list(host.config.work.rglob("*.age")) and time.monotonic() < until:
        time.sleep(0.05)
    made.kill()
    made.communicate(timeout=60)
    slow.unlink()
    report = host.run()
    assert report.ok
    assert left(host) == []


def test_the_history_and_the_status_tell_the_last_run(host):
    report = host.run()
    status = show.status(host.config)
    assert status["runs"]["daily"]["id"] == report.id
    assert status["newest_proven"] is False
    host.prove(report.id)
    assert show.status(host.config)["newest_proven"] is True


def test_the_commit_is_that_of_the_last_deploy(tmp_path, monkeypatch):
    monkeypatch.setattr(seal, "JOURNAL", tmp_path)
    assert seal.deployed() == "unknown"
    (tmp_path / "1.json").write_text('{"commit": "one", "outcome": "done"}')
    (tmp_path / "2.json").write_text('{"commit": "two", "outcome": "failed"}')
    (tmp_path / "3.json").write_text("not JSON")
    assert seal.deployed() == "one"


def test_the_id_is_the_start_of_the_run_in_utc(host):
    assert host.run().id == time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime(START + 3600))
