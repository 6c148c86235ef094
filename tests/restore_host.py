"""A host whose backups are restored: that of backup_host.py, with an engine whose containers are processes."""

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import fake_engine
import pytest
from backup_host import Host

from estate_backup import drill, proc, restore

ENGINE = Path(__file__).with_name("fake_engine.py")
ME = (65534, 65534) if os.geteuid() == 0 else (os.getuid(), os.getgid())


STATUS_OF = proc.status_of
QUICK = ("inspect", "ps", "network", "start", "stop", "run", "rm")
"""Commands that the engine answers within this process too: each Python less is a twentieth of a second."""


class RestoreHost(Host):
    """Vault (SQLite and files), an object store, and an application without data that uses the vault."""

    def _docker(self, monkeypatch):
        self.engine = self.base / "engine"
        (self.engine / "hooks").mkdir(parents=True)
        (self.base / "bin").mkdir()
        script = self.base / "bin" / "docker"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -ES {ENGINE} "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv("FAKE_ENGINE", str(self.engine))
        monkeypatch.setattr(fake_engine, "ROOT", self.engine)
        monkeypatch.setattr(proc, "status_of", self._status_of)
        monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    def _status_of(self, argv, stdin=None, env=None, timeout=600):
        words = [str(word) for word in argv]
        if words[0] == "docker" and self._quick(words[1:]):
            return self.docker(*words[1:])
        return STATUS_OF(argv, stdin, env, timeout)

    def _quick(self, words):
        """Whether nothing of it needs a process: no hook, no server."""
        servers = [one for one in self.containers().values() if fake_engine.kind(one) != "plain"]
        named = any("postgres" in word or "redis" in word for word in words)
        plain = words[0] in QUICK[:3] or not (servers or named)
        return words[0] in QUICK and plain and not (self.engine / "hooks" / words[0]).exists()

    def docker(self, *words):
        """A command of the engine; status, output, last words."""
        if not self._quick(words):
            return STATUS_OF(["docker", *words])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = fake_engine.main(list(words))
        return status, out.getvalue(), err.getvalue().strip()

    def _config(self):
        given = super()._config()
        vault, s3 = given["services"]
        quiet = {"health": ["CMD", "health"], "timeout": 1}
        vault |= {"data": {"/data": str(self.data / "vault")}, "user": "0:0", "drill": dict(quiet)}
        vault["probe"] = "test -e /data/db.sqlite3"
        s3 |= {"data": {"/s3": str(self.data / "s3")}, "image": "s3:1", "user": "0:0", "drill": dict(quiet)}
        app = {
            "name": "app",
            "container": "app",
            "image": "app:1",
            "depends": ["vault"],
            "probe": 'test "$KEY" = "$KEY"',
        }
        app["drill"] = {**quiet, "environment": {"KEY": "${VAULT_KEY}", "OTHER": "${OTHER}"}}
        given["services"].append(app)
        given["stores"] = given["stores"][:1]
        (self.root / "compose").mkdir()
        (self.root / "compose" / ".env").write_text("# by the deploy\nOTHER='it is $5'\nVAULT_KEY='not the set''s'\n")
        return given

    def up(self, *names):
        """The containers that Compose made."""
        there = self.containers()
        for service in self.given["services"]:
            if not names or service["name"] in names:
                drill = service.get("drill", {})
                mounts = dict(service.get("data", {}))
                if drill.get("config"):
                    mounts[drill["config_target"]] = drill["config"]
                if drill.get("secrets"):
                    mounts["/run/secrets"] = drill["secrets"]
                there[service["name"]] = {
                    "image": service["image"],
                    "command": drill.get("command", []),
                    "mounts": mounts,
                    "env": drill.get("environment", {}),
                    "user": service.get("user", "0:0"),
                    "label": "",
                    "status": "created",
                    "code": 0,
                    "run": str(self.base),
                }
        (self.engine / "containers.json").write_text(json.dumps(there))
        for name in names or [service["name"] for service in self.given["services"]]:
            status, _, said = self.docker("start", name)
            assert not status, said

    def containers(self):
        path = self.engine / "containers.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def running(self):
        return {name for name, container in self.containers().items() if container["status"] == "running"}

    def words(self):
        """Every command that Docker was given."""
        return [json.loads(line) for line in (self.engine / "calls.jsonl").read_text().splitlines()]

    def down(self):
        for name in self.containers():
            self.docker("rm", "--force", name)

    def hook(self, command, text):
        """Something that happens before a command of Docker; a failure is the command's."""
        path = self.engine / "hooks" / command
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def rows(self, path=None):
        with contextlib.closing(sqlite3.connect(path or self.data / "vault" / "db.sqlite3")) as database:
            return database.execute("select count(*) from ciphers").fetchone()[0]

    def spoil(self):
        """What happens between a backup and the wish to go back."""
        vault = self.data / "vault"
        with contextlib.closing(sqlite3.connect(vault / "db.sqlite3")) as database:
            database.execute("delete from ciphers where id > 10")
            database.commit()
        (vault / "attachments" / "one").write_text("overwritten")
        (vault / "attachments" / "two").write_text("came later")
        (vault / "icon_cache").mkdir()
        (vault / "icon_cache" / "icon").write_text("in no set")
        (self.data / "s3" / "bucket" / "object-3").unlink()
        shutil.rmtree(self.data / "s3" / "empty")

    def picture(self, *folders):
        """Everything below the data: path, mode, owner, content."""
        found = {}
        for folder in folders or (self.data,):
            for path in sorted(Path(folder).rglob("*")):
                there = path.lstat()
                content = path.read_bytes() if path.is_file() else None
                found[str(path)] = (oct(there.st_mode), there.st_uid, there.st_gid, content)
        return found

    def restore(self, identity, to="live", confirm="mainframe", **given):
        return restore.restore(self.config, identity, to=to, confirm=confirm, **given)

    def drill(self, identity="newest", **given):
        return drill.drill(self.config, identity, **given)

    def secret(self, service, name, value):
        """A file that a container reads from /run/secrets."""
        folder = self.root / "secrets" / service
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(value)
        return str(folder)

    def add_postgres(self, password):
        """A PostgreSQL service, and `client`, which depends on it."""
        if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
            pytest.skip("no PostgreSQL server here")
        folder = self.data / "postgres"
        folder.mkdir(mode=0o700)
        os.chown(folder, *ME)
        service = {
            "name": "postgres",
            "container": "postgres",
            "image": "postgres:15",
            "user": f"{ME[0]}:{ME[1]}",
            "data": {"/var/lib/postgresql/data": str(folder)},
            "parts": [{"kind": "postgres", "name": "postgres"}],
            "drill": {
                "environment": {
                    "POSTGRES_USER": "prodg",
                    "POSTGRES_DB": "prodg",
                    "POSTGRES_PASSWORD_FILE": "/run/secrets/password",
                },
                "secrets": self.secret("postgres", "password", password),
                "health": ["CMD-SHELL", 'pg_isready -q -U "$POSTGRES_USER" -d "$POSTGRES_DB"'],
                "timeout": 20,
            },
        }
        client = {"name": "client", "container": "client", "image": "client:1", "depends": ["postgres"], "drill": {}}
        self.given["services"] += [service, client]
        self.write()
        self.up("postgres", "client")
        self.sql("create role reader login password 'r''s'; create table people (id int primary key, name text);")
        self.sql(
            "insert into people select n, 'name ' || n from generate_series(1, 500) n;grant select on people to reader;"
        )
        self.sql('create schema "Odd one"; create table "Odd one"."A b" (x int); create database other;')

    def sql(self, text, database="prodg"):
        argv = [
            "docker",
            "exec",
            "-i",
            "postgres",
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "prodg",
            "-d",
            database,
        ]
        return subprocess.run(argv, input=text, check=True, capture_output=True, text=True).stdout.strip()

    def add_redis(self, appendonly="yes"):
        """A Redis service with a password and, as declared, an append-only log."""
        if not shutil.which("redis-server"):
            pytest.skip("no Redis here")
        folder, config = self.data / "redis", self.root / "compose" / "redis"
        for each in (folder, config):
            each.mkdir()
        os.chown(folder, *ME)
        secrets = self.secret("redis", "password", "redis-password-of-a-test")
        self.secret("redis", "auth.conf", 'requirepass "redis-password-of-a-test"\n')
        text = f"include /run/secrets/auth.conf\ndir /data\nappendonly {appendonly}\n"
        (config / "redis.conf").write_text(text)
        ping = 'REDISCLI_AUTH="$(cat /run/secrets/password)" redis-cli -e ping | grep -q PONG'
        service = {
            "name": "redis",
            "container": "redis",
            "image": "redis:7",
            "user": f"{ME[0]}:{ME[1]}",
            "data": {"/data": str(folder)},
            "parts": [
                {"kind": "redis", "name": "redis", "path": str(folder), "password_file": "/run/secrets/password"}
            ],
            "drill": {
                "command": ["redis-server", "/usr/local/etc/redis/redis.conf"],
                "config": str(config),
                "config_target": "/usr/local/etc/redis",
                "secrets": secrets,
                "health": ["CMD-SHELL", ping],
                "timeout": 10,
            },
        }
        self.given["services"].append(service)
        self.write()
        self.up("redis")

    def redis(self, *words):
        line = 'REDISCLI_AUTH="$(cat /run/secrets/password)" exec redis-cli -e "$@"'
        argv = ["docker", "exec", "redis", "sh", "-c", line, "sh", *words]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        assert not done.returncode, done.stdout + done.stderr
        return done.stdout.strip()
