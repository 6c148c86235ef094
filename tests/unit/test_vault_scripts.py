"""The vault's nightly and weekly jobs, run for real against a database, as their unit would."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyrage
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "files" / "nixos"
MISSING = [tool for tool in ("age", "curl", "sqlite3") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture
def state(tmp_path):
    directory = tmp_path / "clavitor"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def vault(state):
    """An open database: what it holds is in its write-ahead log only."""
    live = sqlite3.connect(state / "clavitor.db")
    live.execute("PRAGMA journal_mode = wal")
    live.execute("PRAGMA wal_autocheckpoint = 0")
    live.execute("CREATE TABLE secrets (name TEXT)")
    live.execute("INSERT INTO secrets VALUES ('the last one')")
    live.commit()
    yield live
    live.close()


def script(state, job, recipients=None, **environment):
    text = (SCRIPTS / "vault-copy.sh").read_text() + (SCRIPTS / f"vault-{job}.sh").read_text()
    text = text.replace("/etc/clavitor/recipients", str(recipients))
    values = os.environ | {"STATE_DIRECTORY": str(state), "JOB": job} | environment
    return subprocess.run(["bash", "-e", "-c", text], env=values, capture_output=True, text=True, check=False)


def left_over(state):
    return {path.name for path in state.iterdir()} - {"clavitor.db", "clavitor.db-wal", "clavitor.db-shm"}


@pytest.mark.usefixtures("vault")
def test_a_whole_database_is_ok(state):
    assert script(state, "check").returncode == 0
    assert (state / "integrity").read_text().split(" ", 1)[1].strip() == "ok"
    assert left_over(state) == {"integrity"}


def test_a_damaged_database_is_told_and_noted(state, vault):
    vault.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    vault.close()
    path = state / "clavitor.db"
    content = bytearray(path.read_bytes())
    content[4096:4196] = bytes(range(100))
    path.write_bytes(content)
    result = script(state, "check")
    assert result.returncode == 1
    assert "damaged" in result.stderr
    assert not (state / "integrity").read_text().strip().endswith("ok")
    assert left_over(state) == {"integrity"}


def test_an_empty_file_is_not_a_whole_database(state):
    (state / "clavitor.db").touch()
    assert script(state, "check").returncode == 1
    assert "no tables" in (state / "integrity").read_text()


def test_a_database_that_is_not_there_is_not_made(state):
    assert script(state, "check").returncode != 0
    assert left_over(state) == set()
    assert not (state / "clavitor.db").exists()


@pytest.mark.usefixtures("vault")
def test_what_a_killed_job_left_is_cleared(state):
    (state / ".check").mkdir()
    (state / ".check" / "clavitor.db").write_text("half a copy")
    assert script(state, "check").returncode == 0
    assert left_over(state) == {"integrity"}


@pytest.fixture
def hub():
    """Takes backups as the push bridge does; what it got is in `got`."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((self.path, self.headers["Authorization"], body))
            self.send_response(self.server.answer)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answer = [], 201
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def backup(state, tmp_path, server, identity):
    recipients = tmp_path / "recipients"
    recipients.write_text(f"{identity.to_public()}\n")
    url = f"http://127.0.0.1:{server.server_port}/backup/tokyo"
    return script(state, "backup", recipients, BACKUP_URL=url, CLAVITOR_PUSH_TOKEN=TOKEN, no_proxy="*")


@pytest.mark.usefixtures("vault")
def test_a_backup_can_be_opened_and_has_what_was_written_last(state, tmp_path, hub):
    identity = pyrage.x25519.Identity.generate()
    result = backup(state, tmp_path, hub, identity)
    assert result.returncode == 0, result.stderr
    ((path, authorization, body),) = hub.got
    assert (path, authorization) == ("/backup/tokyo", f"Bearer {TOKEN}")
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(body, [identity]))) as archive:
        assert archive.getnames() == ["clavitor.db"]
        archive.extractall(tmp_path / "opened", filter="data")
    copy = tmp_path / "opened" / "clavitor.db"
    assert sqlite3.connect(copy).execute("SELECT name FROM secrets").fetchall() == [("the last one",)]
    assert left_over(state) == set()


@pytest.mark.usefixtures("vault")
def test_the_certificates_are_in_the_backup_too(state, tmp_path, hub):
    (state / "autocert").mkdir()
    (state / "autocert" / "tokyo.crt").write_text("certificate")
    identity = pyrage.x25519.Identity.generate()
    assert backup(state, tmp_path, hub, identity).returncode == 0
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(hub.got[0][2], [identity]))) as archive:
        assert set(archive.getnames()) == {"clavitor.db", "autocert", "autocert/tokyo.crt"}


@pytest.mark.usefixtures("vault")
def test_a_backup_that_is_refused_fails_and_tells_no_token(state, tmp_path, hub):
    hub.answer = 401
    result = backup(state, tmp_path, hub, pyrage.x25519.Identity.generate())
    assert result.returncode != 0
    assert "401" in result.stderr
    assert TOKEN not in result.stdout + result.stderr
    assert left_over(state) == set()


def test_a_damaged_database_is_not_sent(state, tmp_path, hub):
    (state / "clavitor.db").touch()
    assert backup(state, tmp_path, hub, pyrage.x25519.Identity.generate()).returncode == 1
    assert hub.got == []


@pytest.mark.usefixtures("vault")
def test_the_token_is_in_no_processs_arguments(state, tmp_path, hub):
    """A control: curl is replaced by something that writes down its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    fake = folder / "curl"
    fake.write_text(f'#!{sys.executable}\nimport sys\nopen("{tmp_path}/argv", "w").write(repr(sys.argv))\n')
    fake.chmod(0o755)
    recipients = tmp_path / "recipients"
    recipients.write_text(f"{pyrage.x25519.Identity.generate().to_public()}\n")
    path = f"{folder}:{os.environ['PATH']}"
    script(state, "backup", recipients, BACKUP_URL="http://192.0.2.1/x", CLAVITOR_PUSH_TOKEN=TOKEN, PATH=path)
    argv = (tmp_path / "argv").read_text()
    assert "http://192.0.2.1/x" in argv
    assert TOKEN not in argv
