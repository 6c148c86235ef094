"""Restores into live services: all of it or nothing, in every way that they go wrong."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from restore_host import RestoreHost

from estate_backup import restore
from estate_backup.errors import BackupError, UsageError

KEY = "a-key-that-opens-the-vault"
PACKAGE = Path(restore.__file__).parents[1]


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = RestoreHost(tmp_path, monkeypatch)
    yield made
    made.down()


@pytest.fixture
def backed_up(host):
    """A host whose newest set is good, and whose data were spoiled since."""
    host.up()
    return spoiled(host)


def spoiled(host):
    report = host.run()
    assert report.ok, report.faults()
    host.id, host.whole = report.id, host.picture()
    host.spoil()
    host.now_there = host.picture()
    return host


def files_only(picture):
    """Without databases: their bytes depend on when they were last written back."""
    return {path: found for path, found in picture.items() if "db.sqlite3" not in path}


def untouched(host):
    """Live data as they were, every container runs, nothing lies beside the data, no restore is unfinished."""
    assert files_only(host.picture()) == files_only(host.now_there)
    assert host.rows() == 10
    assert host.running() == {service["name"] for service in host.given["services"]}
    assert not (host.config.state / "restoring.json").exists()
    return True


def restored(host):
    now = {path: found for path, found in host.picture().items() if "icon_cache" not in path}
    assert files_only(now) == files_only(host.whole)
    assert host.rows() == 100
    assert host.running() == {service["name"] for service in host.given["services"]}
    assert not (host.config.state / "restoring.json").exists()
    return True


def as_program(host, *words):
    """The restore as it runs on a host: a process that can be killed."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1"}
    config = str(host.root / "backups" / "config.json")
    argv = [sys.executable, "-m", "estate_backup", "--config", config, *words]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def test_a_restore_brings_back_what_the_set_holds_and_leaves_the_rest(backed_up):
    report = backed_up.restore(backed_up.id)
    assert restored(backed_up)
    assert (backed_up.data / "vault" / "icon_cache" / "icon").read_text() == "in no set"
    assert [one["service"] for one in report["services"]] == ["vault", "s3"]
    proof = report["services"][0]["proof"]
    assert "db.sqlite3: rows of 1 table equal, 100 in all" in proof
    assert {"the probe of vault passed", "the probe of app passed"} <= set(proof)
    assert report["services"][1]["proof"] == ["objects: hashes of 12 objects equal"]
    assert report["services"][0]["carried"] == ["icon_cache"]
    safety = backed_up.base / "near" / "pre-restore" / report["safety"]
    assert (safety / "manifest.json.sig").is_file()


def test_folders_that_are_kept_whole_come_back_also_without_a_container(host):
    site = host.data / "site"
    (site / "pages").mkdir(parents=True)
    (site / "pages" / "index").write_text("as it was")
    folder = {"kind": "files", "name": "files", "paths": [str(site)]}
    host.given["services"].append(
        {"name": "site", "container": "", "image": "", "parts": [folder], "drill": {"start": False}}
    )
    host.write()
    host.up("vault", "s3", "app")
    report = host.run()
    (site / "pages" / "index").write_text("spoiled")
    proof = "files: 1 file equal, 9 bytes in all"
    assert host.drill()["services"][-1]["proof"] == [proof]
    assert host.restore(report.id, services=["site"])["services"][0]["proof"] == [proof]
    assert (site / "pages" / "index").read_text() == "as it was"


def test_what_uses_a_service_stops_before_it_and_starts_after_it(backed_up):
    before = len(backed_up.words())
    backed_up.restore(backed_up.id, services=["vault"])
    moved = [words for words in backed_up.words()[before:] if words[0] in ("stop", "start")]
    assert moved == [["stop", "app"], ["stop", "vault"], ["start", "vault"], ["start", "app"]]
    assert not (backed_up.data / "s3" / "bucket" / "object-3").exists(), "it was not asked for"


def test_what_did_not_run_before_is_not_started_after(backed_up):
    subprocess.run(["docker", "stop", "app"], check=True)
    backed_up.restore(backed_up.id, services=["vault"])
    assert backed_up.running() == {"vault", "s3"}


def test_owners_and_modes_are_those_of_the_data(host):
    if os.geteuid():
        pytest.skip("only root gives files away")
    vault, s3 = host.data / "vault", host.data / "s3"
    for number, path in enumerate(sorted([vault, *vault.rglob("*"), s3, *s3.rglob("*")])):
        os.chown(path, 1000 + number % 2, 2000)
        path.chmod(0o750 if path.is_dir() else 0o640)
    for path in [s3, *s3.rglob("*")]:
        os.chown(path, 3000, 3000)
    host.up()
    spoiled(host)
    host.restore(host.id)
    assert restored(host)


@pytest.mark.parametrize("confirm", ["", "other-host", "yes"])
def test_live_data_are_replaced_only_for_the_name_of_the_host(backed_up, confirm):
    with pytest.raises(UsageError, match="--confirm mainframe"):
        backed_up.restore(backed_up.id, confirm=confirm)
    assert untouched(backed_up)


def test_live_data_are_not_replaced_by_whatever_is_newest(backed_up):
    with pytest.raises(UsageError, match="name the set's id"):
        backed_up.restore("newest")


def test_with_another_identity_nothing_is_written(backed_up):
    identity = backed_up.secrets / "identity"
    identity.unlink()
    subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
    with pytest.raises(BackupError, match="cannot be opened"):
        backed_up.restore(backed_up.id)
    assert untouched(backed_up)


@pytest.mark.parametrize(
    "name", ["vault/db.sqlite3.age", "vault/files.tar.zst.age", "contents.json.age", "manifest.json"]
)
def test_with_a_flipped_byte_nothing_is_written(backed_up, name):
    path = backed_up.base / "near" / "daily" / backed_up.id / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError):
        backed_up.restore(backed_up.id)
    assert untouched(backed_up)


def test_with_an_altered_or_lost_object_nothing_is_written(backed_up):
    victim, lost = sorted((backed_up.base / "near" / "objects").glob("*/*"))[:2]
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    with pytest.raises(BackupError, match="sha256"):
        backed_up.restore(backed_up.id)
    assert untouched(backed_up)
    victim.unlink()
    with pytest.raises(BackupError, match="missing"):
        backed_up.restore(backed_up.id, services=["s3"])
    assert lost.exists()
    assert untouched(backed_up)


def test_data_and_keys_must_belong_together(backed_up):
    place = backed_up.secrets / "keys" / "VAULT_KEY"
    place.write_text("another key altogether\n")
    with pytest.raises(BackupError) as refused:
        backed_up.restore(backed_up.id)
    for value in (KEY, "another key altogether"):
        assert hashlib.sha256(value.encode()).hexdigest()[:8] in str(refused.value)
        assert value not in str(refused.value)
    assert untouched(backed_up)
    place.unlink()
    with pytest.raises(BackupError, match="the host has none"):
        backed_up.restore(backed_up.id)
    backed_up.restore(backed_up.id, services=["s3"])  # has no key


def test_without_room_nothing_is_written(backed_up, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4000))
    with pytest.raises(BackupError, match="are needed"):
        backed_up.restore(backed_up.id)
    assert untouched(backed_up)


def test_a_service_that_is_ill_with_the_restored_data_gets_its_old_data_back(host):
    vault = host.data / "vault"
    host.given["services"][0]["parts"][1]["paths"].append(f"{vault}/poison")
    (vault / "poison").touch()
    host.write()
    host.up()
    spoiled(host)
    (vault / "poison").unlink()
    host.now_there = host.picture()
    with pytest.raises(BackupError, match=r"unhealthy.*the old data are back and run"):
        host.restore(host.id, services=["vault"])
    assert untouched(host)


@pytest.mark.parametrize("number", [0, 2], ids=["its own", "of what depends on it"])
def test_a_probe_that_fails_brings_the_old_data_back(backed_up, number):
    backed_up.given["services"][number]["probe"] = "echo the vault says no >&2; false"
    backed_up.write()
    with pytest.raises(BackupError, match=r"the vault says no.*the old data are back and run"):
        backed_up.restore(backed_up.id)
    assert untouched(backed_up)


def test_what_was_ill_before_is_no_judge_of_the_restored_data(backed_up):
    backed_up.given["services"][2] |= {"image": "bad:1", "probe": "false"}
    backed_up.write()
    subprocess.run(["docker", "rm", "--force", "app"], check=True)
    backed_up.up("app")
    report = backed_up.restore(backed_up.id, services=["vault"])
    assert report["services"][0]["notes"] == ["app was not healthy before"]
    assert backed_up.rows() == 100


def test_rows_that_are_not_those_of_the_set_never_reach_the_live_data(backed_up, monkeypatch):
    monkeypatch.setattr("estate_backup.parts.sqlite.counts", lambda path: {"ciphers": 99})
    monkeypatch.setattr(restore, "_safety", lambda *_: ("", ["vault"]))
    with pytest.raises(BackupError, match="99 instead of 100; the live data were not touched"):
        backed_up.restore(backed_up.id, services=["vault"])
    assert untouched(backed_up)


def test_a_second_service_that_fails_leaves_the_first_restored(backed_up, monkeypatch):
    backed_up.given["services"][1]["probe"] = "false"
    backed_up.write()
    with pytest.raises(BackupError, match=r"the old data are back and run \(restored before that: vault\)"):
        backed_up.restore(backed_up.id)
    assert backed_up.rows() == 100
    assert not (backed_up.data / "s3" / "bucket" / "object-3").exists()
    assert not (backed_up.config.state / "restoring.json").exists()


def test_old_data_that_no_safety_set_has_stay_beside(backed_up):
    (backed_up.data / "vault" / "db.sqlite3").write_bytes(b"no database" * 1000)
    report = backed_up.restore(backed_up.id)
    assert backed_up.rows() == 100
    kept = backed_up.data / f"vault.before-{backed_up.id}"
    assert (kept / "db.sqlite3").read_bytes().startswith(b"no database")
    assert not (backed_up.data / f"s3.before-{backed_up.id}").exists(), "the safety set has it"
    assert any("the old data stay" in note for note in report["notes"])
    with pytest.raises(BackupError, match="move it away"):
        backed_up.restore(backed_up.id)


@pytest.mark.parametrize("moment", ["stop", "start"])
def test_a_restore_that_was_killed_is_finished_by_the_next(backed_up, moment):
    """Killed before anything was swapped, and when the new data were in place but not proven."""
    script = f'test "$1" = vault && rm {backed_up.engine}/hooks/{moment} && kill -9 $(ps -o ppid= $PPID); true'
    backed_up.hook(moment, script)
    result = as_program(backed_up, "restore", backed_up.id, "--to", "live", "--confirm", "mainframe")
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert (backed_up.config.state / "restoring.json").exists()
    refused = as_program(backed_up, "run")
    assert (refused.returncode, "a restore did not end" in refused.stderr) == (1, True)
    with pytest.raises(BackupError, match=f"a restore of {backed_up.id} is unfinished"):
        backed_up.restore("2020-01-01T000000Z")
    safety_sets = list((backed_up.base / "near" / "pre-restore").iterdir())
    report = backed_up.restore(backed_up.id)
    assert restored(backed_up)
    assert "goes on with an interrupted restore" in report["notes"][0]
    assert list((backed_up.base / "near" / "pre-restore").iterdir()) == safety_sets, "the first one has what was there"


def test_an_interrupted_restore_has_put_back_what_was_half_way(backed_up):
    backed_up.hook(
        "start", f'test "$1" = vault && rm {backed_up.engine}/hooks/start && kill -TERM $(ps -o ppid= $PPID); true'
    )
    result = as_program(backed_up, "restore", backed_up.id, "--to", "live", "--confirm", "mainframe")
    assert result.returncode == 128 + signal.SIGTERM, result.stderr
    journal = backed_up.config.state / "restoring.json"
    assert journal.exists()
    journal.rename(journal.with_suffix(".aside"))
    assert untouched(backed_up)
    journal.with_suffix(".aside").rename(journal)
    restore.abandon(backed_up.config)
    assert untouched(backed_up)
    assert backed_up.run().id


def test_a_killed_restore_can_be_given_up(backed_up):
    backed_up.hook("start", f"rm {backed_up.engine}/hooks/start; kill -9 $(ps -o ppid= $PPID)")
    as_program(backed_up, "restore", backed_up.id, "--to", "live", "--confirm", "mainframe")
    given_up = as_program(backed_up, "abandon")
    assert (given_up.returncode, "the old data are back and run" in given_up.stdout) == (0, True), given_up.stderr
    assert untouched(backed_up)
    assert restore.abandon(backed_up.config)["notes"] == ["no restore is unfinished"]


def test_what_cannot_be_swapped_or_started_is_refused_before(backed_up):
    vault = backed_up.data / "vault"
    vault.rename(backed_up.base / "elsewhere")
    vault.symlink_to(backed_up.base / "elsewhere")
    with pytest.raises(BackupError, match="symbolic link"):
        backed_up.restore(backed_up.id)
    vault.unlink()
    (backed_up.base / "elsewhere").rename(vault)
    subprocess.run(["docker", "rm", "--force", "app"], check=True)
    with pytest.raises(BackupError, match="no container of app"):
        backed_up.restore(backed_up.id)
    backed_up.up("app")
    assert untouched(backed_up)


def test_a_service_that_the_set_lacks_is_named_with_its_reason(backed_up):
    with pytest.raises(BackupError, match="app is not in the set: it has no data of its own"):
        backed_up.restore(backed_up.id, services=["app"])


def test_a_new_host_gets_data_where_there_were_none(backed_up):
    shutil.rmtree(backed_up.data / "s3")
    shutil.rmtree(backed_up.data / "vault")
    backed_up.restore(backed_up.id)
    assert files_only(backed_up.picture()).keys() == files_only(backed_up.whole).keys()
    assert backed_up.rows() == 100


def test_a_restore_to_scratch_touches_nothing_live(backed_up):
    report = backed_up.restore(backed_up.id, to="scratch", confirm="")
    assert untouched(backed_up)
    assert report["ok"]
    places = report["services"][0]["places"]
    (vault,) = places.values()
    assert backed_up.rows(Path(vault) / "db.sqlite3") == 100
    folder = Path(report["folder"])
    assert folder == backed_up.config.base / "scratch" / backed_up.id
    assert not folder.stat().st_mode & 0o077
    assert not list(backed_up.config.work.iterdir())
    with pytest.raises(BackupError, match="earlier restore"):
        backed_up.restore(backed_up.id, to="scratch", confirm="")


def test_no_secret_is_an_argument_or_a_log_line(backed_up, caplog):
    report = backed_up.restore(backed_up.id)
    identity = (backed_up.secrets / "identity").read_text().split()[-1]
    for secret in (KEY, identity):
        assert not any(secret in word for words in backed_up.words() for word in words)
        assert secret not in str(report) + caplog.text
