"""Parts: consistent while others write, whole or a fault that names its stage; with a real PostgreSQL and Redis."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from backup_host import Host, programs

from estate_backup import crypt, floors, manifest
from estate_backup.errors import BackupError
from estate_backup.parts import COLLECT, Job, files, postgres, sqlite
from estate_backup.pool import Pool


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def job(host, kind, **part):
    """A part of a service of its own, with an empty spool."""
    service = {"name": "app", "container": "app", "parts": [{"kind": kind, "name": kind, **part}]}
    host.given["services"] = [service]
    host.write()
    config = host.config
    folder = config.spool / "set" / "app"
    for path in (folder, config.spool / "scratch"):
        path.mkdir(parents=True, exist_ok=True)
    (made,) = config.services
    return Job(config, made, made.parts[0], folder, config.spool / "scratch", Pool(config, [], lambda *_: None))


def collect(work):
    return COLLECT[work.part.kind](work)


def opened(work, name):
    """The plaintext of what a part sealed."""
    target = work.config.base / "plain"
    target.unlink(missing_ok=True)
    crypt.decrypt(work.folder / f"{name}.age", target, work.config)
    return target


# --- SQLite -------------------------------------------------------------------------------------------------------


# two rows a transaction: an inconsistent copy would have an odd number
WRITER = """import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=30)
told = False
while True:
    database.execute("INSERT INTO ciphers (data) VALUES ('a'), ('b')")
    database.commit()
    told = told or not print("writes", flush=True)
"""


def test_sqlite_is_copied_while_others_write_to_it(host):
    work = job(host, "sqlite", path=str(host.data / "vault" / "db.sqlite3"))
    # a process: beside the tests of the controller gevent makes this process's threads take turns only when they wait
    writer = subprocess.Popen([sys.executable, "-c", WRITER, work.part.path], stdout=subprocess.PIPE)
    try:
        assert writer.stdout.readline() == b"writes\n"
        made = collect(work)
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()
    rows = made["sqlite.sqlite"].evidence["tables"]["ciphers"]
    assert rows >= 100
    assert rows % 2 == 0
    assert sqlite.counts(opened(work, "sqlite.sqlite")) == {"ciphers": rows}
    assert not list(work.scratch.iterdir())


def test_rows_that_are_in_the_write_ahead_log_only_are_in_the_copy(host):
    work = job(host, "sqlite", path=str(host.data / "vault" / "db.sqlite3"))
    with contextlib.closing(sqlite3.connect(work.part.path)) as database:
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("INSERT INTO ciphers (data) VALUES ('in the log')")
        database.commit()
        assert collect(work)["sqlite.sqlite"].evidence["tables"] == {"ciphers": 101}


@pytest.mark.parametrize(
    ("damage", "fault"), [("missing", "is missing"), ("empty", "is empty"), ("garbage", "not a database|malformed")]
)
def test_a_damaged_database_is_a_fault_that_names_it(host, damage, fault):
    path = host.data / "vault" / "db.sqlite3"
    work = job(host, "sqlite", path=str(path))
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else b"x" * 9000)
    with pytest.raises(BackupError, match=fault) as caught:
        collect(work)
    assert caught.value.path == "services/app/sqlite"
    assert not list(work.folder.iterdir())
    assert not list(work.scratch.iterdir())


# --- files --------------------------------------------------------------------------------------------------------


def test_files_come_back_with_owner_mode_and_links(host):
    folder = host.data / "vault" / "attachments"
    (folder / "deep").mkdir(mode=0o750)
    (folder / "deep" / "secret").write_text("x")
    (folder / "deep" / "secret").chmod(0o600)
    (folder / "deep" / "link").symlink_to("secret")
    (folder / "deep" / "hard").hardlink_to(folder / "one")
    (folder / "deep" / "ünïcode name").write_text("y")
    work = job(host, "files", paths=[str(folder)])
    made = collect(work)
    assert (work.folder / "files.tar.zst.age").stat().st_mode & 0o077 == 0 or os.umask(0o022) is not None
    plain = opened(work, "files.tar.zst")
    subprocess.run(["zstd", "-dq", plain, "-o", host.base / "x.tar"], check=True)
    with tarfile.open(host.base / "x.tar") as archive:
        archive.extractall(host.base / "out", filter="tar")
    back = host.base / "out" / str(folder).lstrip("/")
    assert (back / "one").read_bytes() == (folder / "one").read_bytes()
    assert (back / "deep" / "secret").stat().st_mode & 0o777 == 0o600
    assert (back / "deep" / "link").readlink() == Path("secret")
    assert (back / "deep" / "ünïcode name").read_text() == "y"
    assert made["files.tar.zst"].evidence["files"] == 5
    again = files.Survey()
    again.archive([folder])(open(os.devnull, "wb"))  # noqa: PTH123, SIM115 - a sink
    assert again.evidence() == made["files.tar.zst"].evidence


def test_a_file_that_changes_is_read_again(host, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    path = host.data / "vault" / "attachments" / "one"
    work = job(host, "files", paths=[str(path)])
    tries = []
    read = files._Reader.read

    def changing(self, size):
        if len(tries) < 1:
            tries.append(1)
            path.write_bytes(b"other, and shorter")
        return read(self, size)

    monkeypatch.setattr(files._Reader, "read", changing)
    made = collect(work)
    assert made["files.tar.zst"].evidence["bytes"] == len(b"other, and shorter")


def test_a_file_that_never_holds_still_is_a_fault(host, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    path = host.data / "vault" / "attachments" / "one"
    work = job(host, "files", paths=[str(path)])
    read = files._Reader.read

    def changing(self, size):
        path.write_bytes(path.read_bytes() + b"x")
        return read(self, size)

    monkeypatch.setattr(files._Reader, "read", changing)
    with pytest.raises(BackupError, match="one changes while it is read"):
        collect(work)
    assert not list(work.folder.iterdir())


def test_a_path_that_is_gone_is_a_fault_unless_it_is_optional(host):
    there, gone = str(host.data / "vault" / "attachments"), str(host.data / "vault" / "gone")
    with pytest.raises(BackupError, match="vault/gone is missing"):
        collect(job(host, "files", paths=[there, gone]))
    assert collect(job(host, "files", paths=[there, gone], optional=True))
    assert collect(job(host, "files", paths=[gone], optional=True)) == {}


def test_a_compressor_that_dies_is_a_fault_that_names_it(host):
    (host.bin / "zstd").write_text("#!/bin/sh\nhead -c 10 >/dev/null; echo no memory >&2; exit 9\n")
    (host.bin / "zstd").chmod(0o755)
    work = job(host, "files", paths=[str(host.data / "vault" / "attachments")])
    with pytest.raises(BackupError, match=r"files\.tar\.zst: .*zstd.* exited 9: no memory"):
        collect(work)
    assert not list(work.folder.iterdir())


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


def server_binaries():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found or not shutil.which("psql"):
        pytest.skip("no PostgreSQL server is installed")
    return found[-1].parent


SQL = r'''
CREATE DATABASE prodg; CREATE DATABASE "odd/name"; CREATE ROLE reader PASSWORD 'hidden';
\connect prodg
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 500) n;
CREATE SCHEMA "Other"; CREATE TABLE "Other"."it's ""odd""" (x int); INSERT INTO "Other"."it's ""odd""" VALUES (1), (2);
CREATE TABLE parts (x int) PARTITION BY RANGE (x);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10);
INSERT INTO parts VALUES (1), (2), (3); CREATE TABLE nothing ();
'''


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A real server on a socket; root may not run it, so another user does."""
    binaries = server_binaries()
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/pgXXXXXX"], text=True).strip())
    as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        os.chown(folder, 65534, 65534)
    data = str(folder / "data")
    init = [binaries / "initdb", "-D", data, "-U", "prodg", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*as_user, *init], check=True, stdout=subprocess.DEVNULL)
    options = f"-c listen_addresses= -c fsync=off -k {folder}"
    control = [*as_user, binaries / "pg_ctl", "-D", data, "-w", "-l", str(folder / "log")]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    environment = {**os.environ, "PGHOST": str(folder), "PGUSER": "prodg", "PGDATABASE": "postgres"}
    subprocess.run(["psql", "-Xqv", "ON_ERROR_STOP=1"], input=SQL, text=True, env=environment, check=True)
    yield environment
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder)


@pytest.fixture
def database(host, cluster, monkeypatch):
    for name, value in {"PGHOST": cluster["PGHOST"], "POSTGRES_USER": "prodg", "POSTGRES_DB": "prodg"}.items():
        monkeypatch.setenv(name, value)
    return job(host, "postgres")


TABLES = {'Other.it\'s "odd"': 2, "public.nothing": 0, "public.parts_low": 3, "public.users": 500}


def test_every_database_and_the_roles_are_dumped_and_counted(host, database):
    made = collect(database)
    assert sorted(made) == ["globals.sql", "postgres-odd%2Fname.dump", "postgres-postgres.dump", "postgres-prodg.dump"]
    assert made["postgres-prodg.dump"].evidence["tables"] == TABLES
    assert made["postgres-odd%2Fname.dump"].evidence["database"] == "odd/name"
    assert "CREATE ROLE reader" in opened(database, "globals.sql").read_text()
    listed = subprocess.check_output(["pg_restore", "-l", opened(database, "postgres-prodg.dump")], text=True)
    assert "TABLE DATA public users" in listed


def test_rows_are_counted_in_the_snapshot_that_is_dumped(host, database, cluster, monkeypatch):
    """What is written between the count and the dump is in neither."""
    seal = Job.seal

    def late(self, name, *words, **given):
        if "prodg" in name:
            sql = "INSERT INTO users VALUES (9999, 'late')"
            subprocess.run(["psql", "-Xqc", sql, "prodg"], env=cluster, check=True)
        return seal(self, name, *words, **given)

    monkeypatch.setattr(Job, "seal", late)
    try:
        made = collect(database)
    finally:
        subprocess.run(["psql", "-Xqc", "DELETE FROM users WHERE id = 9999", "prodg"], env=cluster, check=True)
    assert made["postgres-prodg.dump"].evidence["tables"]["public.users"] == 500
    script = subprocess.check_output(
        ["pg_restore", "-f", "-", "-t", "users", opened(database, "postgres-prodg.dump")], text=True
    )
    assert "user 500" in script
    assert "late" not in script


def fake(host, name, text):
    (host.bin / name).write_text(f"#!/bin/sh\n{text}\n")
    (host.bin / name).chmod(0o755)


DUMP_FAULTS = [
    ('head -c 3000 "$DUMP"; kill -9 $$', r"stage 1 .*pg_dump.* was killed by signal 9"),
    ('head -c 3000 "$DUMP"; exit 1', r"stage 1 .*pg_dump.* exited 1"),
    ('head -c 3000 "$DUMP"; exit 0', r"stage 1 .*pg_restore.* exited 1: .*end of file"),
    ("exit 0", r"pg_restore.* exited 1"),
]


@pytest.mark.parametrize(("does", "fault"), DUMP_FAULTS, ids=["killed", "failed", "truncated with success", "empty"])
def test_a_truncated_dump_is_a_fault_whatever_its_status(host, database, monkeypatch, does, fault):
    real = host.base / "real.dump"
    subprocess.run([shutil.which("pg_dump"), "-Fc", "-U", "prodg", "-f", real, "prodg"], check=True)
    monkeypatch.setenv("DUMP", str(real))
    fake(host, "pg_dump", does)
    with pytest.raises(BackupError, match=fault) as caught:
        collect(database)
    assert caught.value.path == "services/app/postgres"
    assert not list(database.folder.glob("*.dump.age"))


def test_globals_without_their_end_are_a_fault(host, database):
    fake(host, "pg_dumpall", "echo CREATE ROLE x")
    with pytest.raises(BackupError, match=r"globals\.sql: has no end"):
        collect(database)


def test_a_container_that_does_not_run_is_a_fault_with_a_remedy(host, database):
    fake(host, "docker", "echo 'Error response from daemon: container app is not running' >&2; exit 1")
    with pytest.raises(BackupError, match=r"container app: .*is not running; see whether it runs"):
        collect(database)


def test_no_password_is_in_an_argument_and_no_session_stays_open(host, database, cluster):
    collect(database)
    assert "hidden" not in host.calls.read_text()
    query = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    assert subprocess.check_output(["psql", "-XAtc", query, "prodg"], env=cluster, text=True).strip() == "0"


def test_what_the_server_says_beside_its_answers_is_no_answer(host, database):
    real = shutil.which("psql", path=os.environ["PATH"].partition(os.pathsep)[2])
    fake(host, "psql", f"echo 'WARNING:  database has a collation version mismatch' >&2; exec {real} \"$@\"")
    assert collect(database)["postgres-prodg.dump"].evidence["tables"] == TABLES


def test_many_tables_fit_through_the_pipes():
    lines = [json.dumps({"name": f"public.t{n}", "ident": f"public.t{n}"}) for n in range(950)]
    asked = []

    def ask(sql):
        if sql == postgres.TABLES:
            return lines
        asked.append(sql)
        return [json.dumps([line.split("'")[1], 1]) for line in sql.splitlines()]

    assert len(postgres.counts(ask)) == 950
    assert max(len(sql) for sql in asked) < 16384


# --- Redis --------------------------------------------------------------------------------------------------------


@pytest.fixture
def redis(host, monkeypatch):
    programs("redis-server", "redis-cli")
    folder = host.data / "redis"
    folder.mkdir()
    (host.base / "password").write_text("redis-password\n")
    socket = f"/tmp/redis-{os.getpid()}.sock"
    argv = ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", str(folder), "--appendonly", "yes"]
    process = subprocess.Popen([*argv, "--requirepass", "redis-password"], stdout=subprocess.DEVNULL)
    real = shutil.which("redis-cli")
    fake(host, "redis-cli", f'exec {real} -s {socket} "$@"')
    until = time.monotonic() + 10
    environment = {**os.environ, "REDISCLI_AUTH": "redis-password"}
    while subprocess.run([real, "-s", socket, "-e", "PING"], env=environment, capture_output=True).returncode:
        assert time.monotonic() < until
        time.sleep(0.05)
    for number in range(5):
        subprocess.run([real, "-s", socket, "SET", f"k{number}", "v"], env=environment, capture_output=True, check=True)
    yield job(host, "redis", path=str(folder), password_file=str(host.base / "password"))
    process.kill()
    process.wait()


def test_redis_saves_and_the_dump_is_whole(host, redis):
    made = collect(redis)
    assert made["redis.rdb"].evidence == {"keys": [5, 5]}
    assert opened(redis, "redis.rdb").read_bytes().startswith(b"REDIS")
    assert "redis-password" not in host.calls.read_text()


def test_a_folder_that_redis_does_not_write_to_is_a_fault(host, redis):
    other = job(host, "redis", path=str(host.base), password_file=str(host.base / "password"))
    with pytest.raises(BackupError, match=r"dump\.rdb was not written by BGSAVE"):
        collect(other)


REDIS = """
case "$*" in
*BGSAVE) {save} ;;
*persistence) printf 'rdb_bgsave_in_progress:0\\r\\nrdb_last_bgsave_status:{status}\\r\\n' ;;
*keyspace) printf '# Keyspace\\r\\ndb0:keys=3,expires=0\\r\\ndb4:keys=2,expires=1\\r\\n' ;;
esac"""
WHOLE = r"printf 'REDIS0009\377abcdefgh'"


@pytest.mark.parametrize(
    ("save", "status", "fault"),
    [
        (WHOLE + ' >"$RDB"; echo Background saving started', "err", "BGSAVE failed"),
        ('printf REDIS0009cut >"$RDB"; echo Background saving started', "ok", "is no whole dump"),
        ("echo Background saving scheduled", "ok", "BGSAVE: Background saving scheduled"),
        ("echo NOAUTH; exit 1", "ok", "BGSAVE: .*exited 1"),
        ("echo Background saving started", "ok", "was not written by BGSAVE"),
    ],
)
def test_redis_that_did_not_save_is_a_fault(host, monkeypatch, save, status, fault):
    monkeypatch.setenv("RDB", str(host.data / "dump.rdb"))
    fake(host, "redis-cli", REDIS.format(save=save, status=status))
    with pytest.raises(BackupError, match=fault):
        collect(job(host, "redis", path=str(host.data)))


def test_keys_of_all_databases_count(host, monkeypatch):
    monkeypatch.setenv("RDB", str(host.data / "dump.rdb"))
    fake(host, "redis-cli", REDIS.format(save=WHOLE + ' >"$RDB"; echo Background saving started', status="ok"))
    assert collect(job(host, "redis", path=str(host.data)))["redis.rdb"].evidence == {"keys": [5, 5]}


# --- floors -------------------------------------------------------------------------------------------------------


def part(size=100_000, **evidence):
    return manifest.Part(size, "a" * 64, evidence)


FLOORS = [
    (part(tables={"a": 1000}), part(tables={"a": 500}), None),
    (part(tables={"a": 1000}), part(tables={"a": 499}), "499 rows, 1000 in the last good set"),
    (part(tables={"a": 3}), part(tables={"a": 1}), None),
    (part(tables={"a": 3}), part(tables={"a": 0}), "0 rows, 3"),
    (part(tables=dict.fromkeys("abcdefgh", 5)), part(tables={"a": 40}), "1 tables, 8"),
    (part(tables={"a": 9}), part(40_000, tables={"a": 9}), "40000 bytes, 100000"),
    (part(3000, tables={"a": 9}), part(1000, tables={"a": 9}), None),
    (part(files=40, bytes=100_000), part(files=10, bytes=90_000), "10 files, 40"),
    (part(objects={str(n): {} for n in range(30)}), part(0, objects={}), "0 files, 30"),
    (part(keys=[500, 500]), part(10, keys=[0, 0]), None),
    (part(tables={"a": 1}), None, "it is not there"),
]


@pytest.mark.parametrize(("before", "now", "fault"), FLOORS)
def test_what_shrinks_under_half_or_to_nothing_is_suspect(before, now, fault):
    known = floors.measure({"app": {"x": before}})
    found = floors.shrunk(floors.measure({"app": {"x": now} if now else {}}), known)
    assert bool(found) is bool(fault)
    assert not fault or fault in found[0]
