"""The shared PostgreSQL: settings from its memory, who may come in, and its scripts against a real server."""

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from factories import homelab

from estate.models.desired import STATE_DIR
from estate.models.postgres import PostgresSettings, ServedDatabase
from estate.models.secret import SecretKind, SecretSpec
from estate.plan.state import HostState
from estate.plan.system import due
from estate.render.postgres import postgres_defaults, postgres_server, tuning
from estate.render.shell import shell, variables

GIB = 1024**3
SPEC = SecretSpec(name="N8N_DB_PASSWORD", kind=SecretKind.PASSWORD, purpose="x")
N8N = ServedDatabase(name="n8n", password=SPEC, clients={"n8n": "192.0.2.43"})
SECRETS = {"N8N_DB_PASSWORD": "it's a secret"}


def server(version=15, databases=(N8N,)):
    return homelab(name="postgres", postgres=PostgresSettings(version=version, databases=databases))


def files(desired):
    return {file.path: file.content.decode() for file in desired.tree.files}


def test_four_gigabytes_are_tuned_as_the_facts_say():
    found = tuning(4 * GIB, 200)
    assert (found["shared_buffers"], found["effective_cache_size"]) == ("1024MB", "3072MB")
    assert (found["maintenance_work_mem"], found["work_mem"]) == ("256MB", "5MB")


@pytest.mark.parametrize("memory", [GIB // 2, GIB, 4 * GIB, 64 * GIB])
def test_all_connections_sorting_at_once_fit_beside_the_shared_buffers(memory):
    found = {key: int(value[:-2]) for key, value in tuning(memory, 200).items() if value.endswith("MB")}
    assert found["shared_buffers"] + 200 * found["work_mem"] <= max(memory // 1024**2, found["shared_buffers"] + 200)


def test_the_encoding_is_decided_before_the_package_makes_the_cluster():
    first, second = postgres_defaults(), postgres_server(server(), SECRETS)
    assert first.packages == ()
    text = files(first)["/etc/postgresql-common/createcluster.conf"]
    assert "initdb_options = '--encoding=UTF8 --locale=C.UTF-8" in text
    # Our settings are a file in there
    assert "add_include_dir = 'conf.d'" in text
    assert second.packages == ("postgresql-15",)


def test_another_version_is_another_directory_and_package():
    desired = postgres_server(server(version=17), SECRETS)
    assert desired.packages == ("postgresql-17",)
    assert "/etc/postgresql/17/main/pg_hba.conf" in files(desired)


def test_only_declared_clients_are_in_pg_hba_and_only_with_tls_and_scram():
    lines = files(postgres_server(server(), SECRETS))["/etc/postgresql/15/main/pg_hba.conf"].splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules == [
        ["local", "all", "postgres", "peer"],
        ["host", "n8n", "n8n", "127.0.0.1/32", "scram-sha-256"],
        ["hostssl", "n8n", "n8n", "192.0.2.43/32", "scram-sha-256"],
    ]


def test_a_password_is_in_its_file_alone():
    desired = postgres_server(server(), SECRETS)
    holding = [f for f in desired.tree.files if b"a secret" in f.content]
    assert [(f.path, f.mode, f.mask) for f in holding] == [("/etc/estate-postgres/n8n", 0o400, "whole")]
    assert not any("a secret" in handler.command + handler.probe for handler in desired.handlers)


def test_a_second_run_does_nothing_and_a_new_password_runs_its_handler_alone():
    desired = postgres_server(server(), SECRETS)
    stamps = {handler.name: handler.digest for handler in desired.handlers}
    there = HostState(stamps=stamps)
    assert [name for name, why in due(desired, there).items() if "changed on the host" not in why] == []
    rotated = postgres_server(server(), {"N8N_DB_PASSWORD": "another"})
    assert [n for n, why in due(rotated, there).items() if why == "configuration changed"] == ["postgres-n8n"]
    assert desired.handlers[0].stamp.startswith(STATE_DIR)


# --- against a real server

BIN = next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
needs_postgres = pytest.mark.skipif(
    BIN is None or os.geteuid() != 0 or shutil.which("runuser") is None,
    reason="no PostgreSQL, or not root (Debian: postgresql)",
)


class Server:
    """A cluster of its own, as Debian's user, with our rules; `runuser` and the port are the scripts' own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.owner = folder, pwd.getpwnam("postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.data, self.sockets = folder / "data", folder / "run"
        self.sockets.mkdir()
        for path in (folder, self.sockets):
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        folder.chmod(0o755)
        self.run("initdb", "-D", str(self.data), "--encoding=UTF8", "--locale=C.UTF-8", "-N", "-A", "peer")
        desired = postgres_server(server(), SECRETS)
        hba = self.data / "pg_hba.conf"
        hba.write_text(files(desired)["/etc/postgresql/15/main/pg_hba.conf"])
        options = f"-p {self.port} -k {self.sockets} -c fsync=off"
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "log"), "-o", options, "start")

    def run(self, program: str, *words: str) -> str:
        argv = ["runuser", "-u", "postgres", "--", str(BIN / program), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/").stdout

    def sql(self, text: str, database: str = "postgres") -> str:
        return self.run("psql", "-h", str(self.sockets), "-p", self.port, "-d", database, "-qtAXc", text).strip()

    def script(self, name: str, password: str) -> subprocess.CompletedProcess:
        file = self.folder / "password"
        file.write_text(password)
        file.chmod(0o400)
        words = {"NAME": "n8n", "PASSWORD_FILE": str(file), "CLUSTER": "none", "LOCALE": "C.UTF-8", "PORT": self.port}
        text = variables(words) + shell(f"operations/{name}.sh")
        environment = {"PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", "PGHOST": str(self.sockets)}
        return subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=environment, cwd="/")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def postgres():
    # Not pytest's: its directories are closed to the server's user
    with TemporaryDirectory() as folder:
        running = Server(Path(folder))
        yield running
        running.stop()


@needs_postgres
def test_the_scripts_make_and_prove_a_role_and_its_database(postgres):
    assert postgres.script("postgres_probe", "it's a secret").returncode != 0, "a control: nothing is there yet"
    made = postgres.script("postgres_database", "it's a secret")
    assert (made.returncode, made.stderr) == (0, "")
    assert postgres.script("postgres_probe", "it's a secret").returncode == 0
    assert postgres.script("postgres_probe", "wrong").returncode != 0
    row = postgres.sql(
        "select pg_get_userbyid(datdba), pg_encoding_to_char(encoding) from pg_database where datname = 'n8n'"
    )
    assert row == "n8n|UTF8"
    assert postgres.sql("select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = 'n8n'") == "f"
    assert postgres.sql("select rolpassword like 'SCRAM-SHA-256%' from pg_authid where rolname = 'n8n'") == "t"


@needs_postgres
def test_a_rotation_changes_the_password_and_keeps_the_data(postgres):
    postgres.script("postgres_database", "one")
    postgres.sql("create table if not exists kept (x int)", "n8n")
    assert postgres.script("postgres_database", "two").returncode == 0
    assert postgres.script("postgres_probe", "one").returncode != 0
    assert postgres.script("postgres_probe", "two").returncode == 0
    assert postgres.sql("select count(*) from pg_class where relname = 'kept'", "n8n") == "1"


@needs_postgres
def test_the_probe_sees_that_somebody_else_may_connect_again(postgres):
    postgres.script("postgres_database", "one")
    postgres.sql("grant connect on database n8n to public")
    assert postgres.script("postgres_probe", "one").returncode != 0
    assert postgres.script("postgres_database", "one").returncode == 0
    assert postgres.script("postgres_probe", "one").returncode == 0


@needs_postgres
def test_no_password_gets_into_the_servers_log(postgres):
    postgres.sql("alter system set log_statement = 'all'")
    postgres.sql("select pg_reload_conf()")
    assert postgres.script("postgres_database", "canary-5f1d").returncode == 0
    assert "canary-5f1d" not in (postgres.data / "log").read_text()


@needs_postgres
def test_a_database_of_another_encoding_is_named_and_left_alone(postgres):
    postgres.sql("drop database if exists n8n")
    postgres.sql("create database n8n template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'")
    refused = postgres.script("postgres_database", "one")
    assert refused.returncode != 0
    assert "encoding SQL_ASCII" in refused.stderr
    postgres.sql("drop database n8n")
