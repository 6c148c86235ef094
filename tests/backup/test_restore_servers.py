"""PostgreSQL and Redis are restored for real: loaded by their own servers beside the live ones, then swapped."""

import base64
import hashlib
import hmac
import os
import subprocess

import pytest
from restore_host import RestoreHost

from estate_backup import restore_dump
from estate_backup.errors import BackupError

OLD, NEW = "the-password-of-backup-time", "it's-the-password-of-today"


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = RestoreHost(tmp_path, monkeypatch)
    made.given["services"] = []
    yield made
    made.down()


def backed_up(host):
    report = host.run()
    assert report.ok, report.faults()
    return report.id


def is_password(verifier, password):
    """Whether a SCRAM verifier of PostgreSQL is of a password (RFC 5803)."""
    parameters, keys = verifier.removeprefix("SCRAM-SHA-256$").split("$")
    rounds, salt = parameters.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return base64.b64decode(keys.split(":")[0]) == stored


@pytest.fixture
def postgres(host):
    host.add_postgres(OLD)
    host.id = backed_up(host)
    host.sql('delete from people where id > 3; drop schema "Odd one" cascade; create table later (x int);')
    host.sql("drop owned by reader; drop role reader;")
    return host


def test_a_cluster_comes_back_with_roles_rights_and_todays_password(postgres):
    (postgres.root / "secrets" / "postgres" / "password").write_text(NEW + "\n")
    report = postgres.restore(postgres.id)
    assert postgres.sql("select count(*) from people") == "500"
    assert postgres.sql('select count(*) from "Odd one"."A b"') == "0"
    assert postgres.sql("select to_regclass('later') is null") == "t"
    assert postgres.sql("select count(*) from pg_database where datname in ('other', 'prodg', 'postgres')") == "3"
    assert postgres.sql("set role reader; select count(*) from people") == "500"
    verifiers = dict(
        line.split("|")
        for line in postgres.sql("select rolname, rolpassword from pg_authid where rolpassword > ''").split()
    )
    assert is_password(verifiers["prodg"], NEW)
    assert is_password(verifiers["reader"], "r's")
    assert postgres.running() == {"postgres", "client"}
    proof = report["services"][0]["proof"]
    assert "prodg: rows of 2 tables equal, 500 in all" in proof
    assert not list(postgres.data.glob("postgres.*"))
    assert oct(postgres.data.joinpath("postgres").stat().st_mode & 0o777) == "0o700"
    postgres.down()
    for secret in (OLD, NEW, NEW.replace("'", "''"), "SCRAM-SHA-256$"):
        assert secret not in (postgres.engine / "logs").read_text()
        assert not any(secret in word for words in postgres.words() for word in words)
    assert "alter role" not in (postgres.engine / "logs").read_text().lower().replace("alter role prodg with", "")


def test_live_clients_work_until_the_new_cluster_is_proven(postgres):
    before = len(postgres.words())
    postgres.restore(postgres.id)
    moved = [words[:3] for words in postgres.words()[before:] if words[0] in ("stop", "start", "run")]
    assert [words[0] for words in moved] == ["run", "stop", "stop", "stop", "start", "start"]
    assert moved[1] == ["stop", "-t", "120"], "the scratch container"
    assert [words[1] for words in moved[2:]] == ["client", "postgres", "postgres", "client"]


def test_a_dump_that_cannot_be_loaded_never_touches_the_live_cluster(postgres):
    fail = 'case "$*" in *pg_restore*) echo "no such locale" >&2; exit 1 ;; esac'
    postgres.hook("exec", fail)
    with pytest.raises(BackupError, match="the live data were not touched"):
        postgres.restore(postgres.id)
    (postgres.engine / "hooks" / "exec").unlink()
    assert postgres.sql("select count(*) from people") == "3"
    assert postgres.running() == {"postgres", "client"}
    assert not list(postgres.data.glob("postgres.*"))


def test_another_major_version_is_refused_by_name(postgres, monkeypatch):
    monkeypatch.setattr(restore_dump, "version", lambda _: "14.9")
    with pytest.raises(
        BackupError, match=r"dumped from PostgreSQL 14\.9, but postgres:15 is \d+; the live data were not"
    ):
        postgres.restore(postgres.id)
    assert postgres.sql("select count(*) from people") == "3"


def test_an_old_cluster_that_no_longer_starts_is_no_obstacle(postgres):
    subprocess.run(["docker", "stop", "postgres"], check=True)
    (postgres.data / "postgres" / "global" / "pg_control").write_bytes(b"broken")
    report = postgres.restore(postgres.id)
    assert postgres.sql("select count(*) from people") == "500"
    assert (postgres.data / f"postgres.before-{postgres.id}" / "global" / "pg_control").read_bytes() == b"broken"
    assert any("no safety set" in note or "not in the safety set" in note for note in report["notes"])


@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_redis_comes_back_whether_or_not_it_keeps_a_log(host, appendonly):
    host.add_redis(appendonly)
    for number in range(20):
        host.redis("SET", f"key-{number}", f"value {number}")
    host.redis("-n", "3", "SET", "elsewhere", "yes")
    identity = backed_up(host)
    host.redis("FLUSHALL")
    host.redis("SET", "later", "1")
    report = host.restore(identity)
    assert host.redis("DBSIZE") == "20"
    assert host.redis("GET", "key-7") == "value 7"
    assert host.redis("-n", "3", "GET", "elsewhere") == "yes"
    assert host.redis("GET", "later") == ""
    assert host.redis("CONFIG", "GET", "appendonly").split()[-1] == appendonly
    assert (host.data / "redis" / "appendonlydir").exists() == (appendonly == "yes")
    assert "redis: keys: 21 of 21" in report["services"][0]["proof"]
    subprocess.run(["docker", "stop", "redis"], check=True)
    subprocess.run(["docker", "start", "redis"], check=True)
    assert host.redis("DBSIZE") == "20", "the next start has them, too"
    assert {path.stat().st_uid for path in (host.data / "redis").rglob("*")} <= {os.geteuid(), 65534}
    assert not any("redis-password" in word for words in host.words() for word in words)
