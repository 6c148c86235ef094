"""Drills: a set is proven in containers of its own, nothing of them stays, and retention learns what was proven."""

import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from restore_host import RestoreHost

from estate_backup import drill as module
from estate_backup import notify
from estate_backup.errors import BackupError

PACKAGE = Path(module.__file__).parents[1]
KEY = "a-key-that-opens-the-vault"


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = RestoreHost(tmp_path, monkeypatch)
    made.alerts = []
    monkeypatch.setattr(notify, "alert", lambda *words, **_: made.alerts.append(words[1:]))
    yield made
    made.down()


@pytest.fixture
def backed_up(host):
    host.up()
    report = host.run()
    assert report.ok, report.faults()
    host.id = report.id
    host.spoil()
    host.live = host.picture()
    return host


def proven(host):
    path = host.config.state / "proven.json"
    return json.loads(path.read_text()) if path.exists() else {}


def gone(host):
    """Nothing of a drill is left, and nothing live was touched."""
    assert set(host.containers()) == {service["name"] for service in host.given["services"]}
    assert set(host.containers()) == host.running()
    assert not (host.engine / "networks.json").exists() or json.loads((host.engine / "networks.json").read_text()) == []
    assert not list(host.config.work.iterdir())
    return True


def runs(host):
    return [words for words in host.words() if words[0] == "run"]


def option(words, name):
    return [value for key, value in pairwise(words) if key == name]


def test_a_good_set_is_proven_and_nothing_of_it_stays(backed_up):
    report = backed_up.drill()
    assert report["ok"], report
    assert [one["service"] for one in report["services"]] == ["vault", "s3"]
    vault = report["services"][0]["proof"]
    assert {"db.sqlite3: rows of 1 table equal, 100 in all", "the probe of vault passed"} <= set(vault)
    assert "the probe of app passed" in vault, "who has no data of its own says it of whom it depends on"
    assert gone(backed_up)
    assert backed_up.picture() == backed_up.live
    entry = proven(backed_up)[backed_up.id]
    assert (entry["ok"], entry["services"], entry["store"]) == (True, ["vault", "s3"], "near")
    assert entry["rto_seconds"] == report["rto_seconds"] > 0
    assert not backed_up.alerts
    metrics = backed_up.config.metrics.read_text()
    assert "estate_backup_last_drill_ok 1.0" in metrics
    assert 'estate_backup_drill_service_ok{service="vault"} 1.0' in metrics
    assert "estate_backup_drill_rpo_seconds" in metrics


def test_its_containers_reach_nobody_and_have_no_rights(backed_up):
    backed_up.drill()
    assert [
        "network",
        "create",
        "--internal",
        "--label",
        "estate.drill=1",
        f"estate-drill-{os.getpid()}",
    ] in backed_up.words()
    for words in runs(backed_up):
        assert option(words, "--network") == [f"estate-drill-{os.getpid()}"]
        assert option(words, "--cap-drop") == ["ALL"]
        assert option(words, "--security-opt") == ["no-new-privileges"]
        assert option(words, "--pull") == ["never"]
        assert option(words, "--label") == ["estate.drill=1"]
        assert option(words, "--memory") == option(words, "--memory-swap") == ["512m"]
        assert "--read-only" in words
        assert not {"--publish", "-p", "--privileged", "--env", "-e"} & set(words)
    names = [option(words, "--name")[0] for words in runs(backed_up)]
    assert names == ["drill-vault", "drill-s3", "drill-app"]
    assert option(runs(backed_up)[0], "--network-alias") == ["vault"]


def test_data_are_proven_with_the_keys_of_the_set(backed_up):
    """The key in Compose's .env is another by now; what is in no set comes from there."""
    backed_up.given["services"][2]["probe"] = f'test "$KEY" = {KEY} && test "$OTHER" = "it is $5"'.replace("$5", "\\$5")
    backed_up.write()
    report = backed_up.drill()
    assert report["ok"], report
    assert report["keys"][0].startswith("VAULT_KEY is the host's")
    backed_up.down()
    assert not any(KEY in word for words in runs(backed_up) for word in words)
    (listing,) = {path for words in runs(backed_up) for path in option(words, "--env-file") if "app" in path}
    assert not Path(listing).exists()
    assert KEY not in (backed_up.config.state / "drills.jsonl").read_text()


def test_a_key_that_is_no_longer_the_hosts_is_told(backed_up):
    (backed_up.secrets / "keys" / "VAULT_KEY").write_text("rotated")
    report = backed_up.drill()
    assert report["ok"], "the set is good"
    assert "VAULT_KEY: the set's is" in report["notes"][0]


@pytest.mark.parametrize(
    ("number", "change", "why"),
    [
        (0, {"probe": f"echo found {KEY} >&2; false"}, r"a line of shell exited 1: found \*\*\*"),
        (2, {"probe": "false"}, "a line of shell exited 1"),
        (0, {"image": "bad:1"}, "was not healthy within 1 seconds"),
    ],
    ids=["probe", "probe of what depends on it", "health"],
)
def test_what_is_not_proven_is_told_and_the_others_go_on(backed_up, number, change, why):
    backed_up.given["services"][number] |= change
    backed_up.write()
    report = backed_up.drill()
    vault, s3 = report["services"]
    assert (report["ok"], vault["ok"], s3["ok"]) == (False, False, True)
    assert re.search(why, vault["why"]), vault["why"]
    assert KEY not in json.dumps(report)
    assert gone(backed_up)
    assert proven(backed_up)[backed_up.id]["ok"] is False
    assert backed_up.alerts[0][0] == "BackupDrillFailed"
    assert "estate_backup_last_drill_ok 0.0" in backed_up.config.metrics.read_text()


def test_an_image_that_is_not_there_is_never_pulled(backed_up):
    (backed_up.engine / "images").write_text("s3:1\n")
    report = backed_up.drill()
    assert "the image vault:1 must be on the host" in report["services"][0]["why"]
    assert gone(backed_up)


def test_rows_that_differ_disprove_a_set(backed_up, monkeypatch):
    monkeypatch.setattr("estate_backup.parts.sqlite.counts", lambda path: {"ciphers": 1})
    report = backed_up.drill()
    assert "ciphers: 1 instead of 100" in report["services"][0]["why"]
    assert not report["ok"]


def test_a_set_that_cannot_be_opened_is_a_failed_drill(backed_up):
    for path in (backed_up.base / "near" / "daily" / backed_up.id).glob("contents*"):
        path.write_bytes(b"x")
    report = backed_up.drill()
    assert not report["ok"]
    assert "sha256" in report["why"]
    assert proven(backed_up)[backed_up.id]["ok"] is False
    assert backed_up.alerts
    assert gone(backed_up)


def test_no_set_at_all_is_a_failed_drill_of_none(host):
    report = host.drill()
    assert not report["ok"]
    assert "there is none" in report["why"]
    assert proven(host) == {}
    assert "estate_backup_last_drill_ok 0.0" in host.config.metrics.read_text()


def test_a_part_of_a_set_proves_no_set_but_may_disprove_it(backed_up):
    assert backed_up.drill(services=["vault"])["ok"]
    assert proven(backed_up) == {}
    backed_up.given["services"][1]["probe"] = "false"
    backed_up.write()
    assert not backed_up.drill(services=["s3"])["ok"]
    assert proven(backed_up)[backed_up.id]["ok"] is False


def test_a_set_that_lacks_a_service_of_today_proves_no_whole(backed_up):
    report = backed_up.run(kind="manual", services=["s3"])
    assert backed_up.drill(report.id)["ok"]
    assert proven(backed_up) == {}


def test_the_newest_is_no_safety_set(backed_up):
    backed_up.run(kind="pre-restore")
    assert backed_up.drill()["set"] == backed_up.id


def test_names_that_are_not_declared_are_refused(backed_up):
    for given in ({"services": ["nobody"]}, {"store": "nowhere"}):
        with pytest.raises(BackupError, match="is not declared"):
            backed_up.drill(**given)
    assert proven(backed_up) == {}


def test_a_drill_may_start_nothing(backed_up):
    for service in backed_up.given["services"]:
        service["drill"]["start"] = False
        service["probe"] = ""
    backed_up.write()
    report = backed_up.drill()
    assert report["ok"], report
    assert not runs(backed_up)


def test_what_a_killed_drill_left_is_removed_by_the_next(backed_up):
    backed_up.hook("exec", f"rm {backed_up.engine}/hooks/exec; kill -9 $(ps -o ppid= $PPID)")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "estate_backup", "--config", str(backed_up.root / "backups" / "config.json"), "drill"]
    assert subprocess.run(argv, env=environment, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert list(backed_up.config.work.iterdir())
    assert "drill-vault" in backed_up.containers()
    assert backed_up.drill()["ok"]
    assert gone(backed_up)


def test_an_interrupted_drill_leaves_nothing(backed_up):
    backed_up.hook("run", f"rm {backed_up.engine}/hooks/run; kill -TERM $(ps -o ppid= $PPID)")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "estate_backup", "--config", str(backed_up.root / "backups" / "config.json"), "drill"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert gone(backed_up)


def test_postgres_and_redis_are_proven_in_their_own_images(host):
    host.given["services"] = []
    host.add_postgres("the-password-of-a-test")
    host.add_redis()
    host.redis("SET", "a", "1")
    host.given["services"][1] |= {"probe": "true", "drill": {}}
    host.given["services"][0]["probe"] = (
        'psql -XAtq -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "select count(*) from people"'
    )
    host.write()
    assert host.run().ok
    host.sql("delete from people")
    host.redis("FLUSHALL")
    report = host.drill()
    assert report["ok"], report
    proofs = {one["service"]: one["proof"] for one in report["services"]}
    assert "the probe of postgres passed: 500" in proofs["postgres"]
    assert "the probe of client passed" in proofs["postgres"]
    assert "redis: 1 keys in the running server" in proofs["redis"]
    assert host.sql("select count(*) from people") == "0"
    networks = [option(words, "--network")[0].partition("-")[0] for words in runs(host)]
    assert networks == ["none", "estate", "none", "none", "estate", "estate"], "data are built without a network"
    assert gone(host)
