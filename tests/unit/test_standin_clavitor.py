"""The clavitor stand-in: the artifact runs by itself, keeps data, reports, and has the faults that were built in."""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab.standins import common
from lab.standins.clavitor import HEADER, certificates, stamp
from lab.standins.clavitor.build import build
from lab.standins.clavitor.certificates import is_due
from lab.standins.clavitor.machine import LastHour, Processor, generation, memory
from lab.standins.clavitor.settings import Settings
from push_bridge.report import faults_of

DOMAIN = "tokyo.clavitor.example"
TOKEN = "push-token-of-tokyo"
DAY = 86400


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hub(ThreadingHTTPServer):
    """Takes reports."""

    daemon_threads = True

    def __init__(self) -> None:
        self.reports: list[tuple[str, dict]] = []
        hub = self

        class Push(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hub.reports.append((self.headers["Authorization"], json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Push)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self, count: int) -> list[tuple[str, dict]]:
        until = time.monotonic() + 8
        while len(self.reports) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.reports


class Running:
    """The artifact as a process, in an empty environment."""

    def __init__(self, artifact: Path, state: Path, **more: str) -> None:
        self.http, self.https = free_port(), free_port()
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONSAFEPATH": "1",
            "CLAVITOR_NODE": "tokyo",
            "CLAVITOR_DOMAIN": DOMAIN,
            "CLAVITOR_ADDRESS": "127.0.0.1",
            "CLAVITOR_HTTP_PORT": str(self.http),
            "CLAVITOR_HTTPS_PORT": str(self.https),
            "STATE_DIRECTORY": str(state),
            **more,
        }
        self.process = subprocess.Popen([str(artifact)], env=environment, stderr=subprocess.PIPE, text=True, cwd=state)
        until = time.monotonic() + 10
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.ask("GET", "/none")
                return
            time.sleep(0.05)

    def ask(self, method, path, body=None):
        context = ssl._create_unverified_context()  # noqa: S323 - self-signed
        connection = http.client.HTTPSConnection("127.0.0.1", self.https, timeout=10, context=context)
        connection.request(method, path, body)
        answer = connection.getresponse()
        assert answer.headers[common.HEADER] == "Clavitor"
        return answer.status, json.loads(answer.read())

    def stop(self) -> str:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def start(tmp_path):
    started = []

    def run(fault="", state="state", **more):
        artifact, folder = tmp_path / f"clavitor-{fault}", tmp_path / state
        folder.mkdir(exist_ok=True)
        build("1.2.0", artifact, fault)
        started.append(Running(artifact, folder, **more))
        return started[-1]

    yield run
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def hub():
    with Hub() as server:
        yield server
        server.shutdown()


def test_the_artifact_has_stable_bytes_and_a_fault_or_version_changes_them(tmp_path):
    digests = [build("1.0", tmp_path / "a"), build("1.0", tmp_path / "b" / "c"), build("1.1", tmp_path / "d")]
    digests += [build("1.0", tmp_path / fault, fault) for fault in filter(None, stamp.FAULTS)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == len(digests) - 1
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755
    with pytest.raises(ValueError, match="no such fault"):
        build("1.0", tmp_path / "e", "nothing")


def test_it_is_labelled_like_the_others(start):
    running = start()
    assert common.HEADER == HEADER
    assert running.stop().startswith("ESTATE LAB STAND-IN for Clavitor: not the real thing\n")


def test_it_says_its_version(tmp_path):
    build("1.4.2", tmp_path / "clavitor")
    done = subprocess.run([str(tmp_path / "clavitor"), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == "1.4.2\n"


def test_it_names_all_settings_that_are_missing(tmp_path):
    with pytest.raises(ValueError, match="CLAVITOR_NODE is not set; CLAVITOR_DOMAIN is not set; CLAVITOR_PUSH_TOKEN"):
        Settings.of({"CLAVITOR_PUSH_URL": "http://hub"})
    assert TOKEN not in repr(Settings("a", "b", tmp_path, push_token=TOKEN))


def test_health_says_node_and_version(start):
    assert start().ask("GET", "/health") == (200, {"status": "ok", "node": "tokyo", "version": "1.2.0"})


def test_a_record_survives_a_restart(start):
    first = start()
    assert first.ask("GET", "/api/vault/a")[0] == 404
    assert first.ask("PUT", "/api/vault/a", "the value")[0] == 200
    assert first.ask("PUT", "/api/vault/too-large", "x" * 70000)[0] == 413
    first.stop()
    second = start()
    assert second.ask("GET", "/api/vault/a") == (200, {"name": "a", "value": "the value"})
    assert second.ask("GET", "/api/vault")[1]["names"] == ["a"]
    assert second.ask("DELETE", "/api/vault/a")[0] == 404


def test_port_80_redirects_and_gives_challenges(start, tmp_path):
    running = start()
    (tmp_path / "state/autocert/challenges/abc-1").write_text("abc-1.thumb")

    def ask(method, path):
        connection = http.client.HTTPConnection("127.0.0.1", running.http, timeout=5)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Location"], answer.read()

    assert ask("GET", "/x?y") == (302, f"https://{DOMAIN}/x", b"")
    assert ask("GET", "/.well-known/acme-challenge/abc-1")[::2] == (200, b"abc-1.thumb")
    assert ask("GET", "/.well-known/acme-challenge/none")[0] == 404
    assert ask("GET", "/.well-known/acme-challenge/..%2faccount.key")[0] == 302
    assert ask("POST", "/x")[0] == 400


def test_the_certificate_is_for_the_name_and_is_kept(start, tmp_path):
    first = start()
    pem = ssl.get_server_certificate(("127.0.0.1", first.https))
    first.stop()
    second = start()
    assert ssl.get_server_certificate(("127.0.0.1", second.https)) == pem
    file = tmp_path / f"state/autocert/{DOMAIN}.crt"
    assert DOMAIN in certificates.openssl("x509", "-in", str(file), "-noout", "-ext", "subjectAltName")
    assert file.with_suffix(".key").stat().st_mode & 0o777 == 0o600


def test_it_reports_what_the_bridge_takes(start, hub):
    url = f"http://127.0.0.1:{hub.server_address[1]}/push/tokyo"
    running = start(CLAVITOR_PUSH_URL=url, CLAVITOR_PUSH_TOKEN=TOKEN, CLAVITOR_PUSH_INTERVAL="0.2")
    for _ in range(3):
        running.ask("GET", "/health")
    authorization, report = hub.wait(len(hub.reports) + 2)[-1]
    assert authorization == f"Bearer {TOKEN}"
    assert faults_of(report, "tokyo") == []
    assert len(report) == 15
    assert report["req_1h"] >= 3
    assert report["err_1h"] == 0
    assert 89 < report["cert_days_remaining"] <= 90
    assert abs(report["ts"] - time.time()) < 5
    assert TOKEN not in running.stop()


def test_a_hub_that_is_away_is_told_once_and_changes_nothing(start):
    running = start(
        CLAVITOR_PUSH_URL=f"http://127.0.0.1:{free_port()}/push/tokyo",
        CLAVITOR_PUSH_TOKEN=TOKEN,
        CLAVITOR_PUSH_INTERVAL="0.1",
    )
    time.sleep(0.5)
    assert running.ask("GET", "/health")[0] == 200
    assert running.stop().count("the hub does not take reports") == 1


def test_a_damaged_database_makes_it_unhealthy_and_not_dead(start, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "clavitor.db").write_bytes(b"this is not a database at all" * 100)
    status, answer = start().ask("GET", "/health")
    assert status == 503
    assert answer["reason"] == "file is not a database"


def test_damage_while_it_runs_is_found_by_its_own_check(start, tmp_path):
    running = start(CLAVITOR_CHECK_INTERVAL="0.3")
    for number in range(40):
        running.ask("PUT", f"/api/vault/r{number}", "x" * 2000)
    database = tmp_path / "state/clavitor.db"
    with sqlite3.connect(database) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 40000)
    until = time.monotonic() + 10
    while running.ask("GET", "/health")[0] == 200 and time.monotonic() < until:
        time.sleep(0.1)
    assert running.ask("GET", "/health")[0] == 503


def test_a_stop_answers_who_is_connected(start):
    running = start("slow")
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(running.ask("GET", "/health")[0])) for _ in range(3)]
    for one in waiting:
        one.start()
    time.sleep(1)
    assert running.stop().endswith("stopped\n")
    for one in waiting:
        one.join()
    assert answers == [200, 200, 200]


def test_unhealthy_errors_and_crash_are_what_they_say(start, tmp_path):
    assert start("unhealthy", "a").ask("GET", "/health")[0] == 503
    failing = start("errors", "b")
    assert failing.ask("GET", "/health")[0] == 200
    assert sorted(failing.ask("GET", "/api/vault")[0] for _ in range(6)) == [200, 200, 200, 500, 500, 500]
    crashing = start("crash", "c")
    assert crashing.ask("GET", "/health")[0] == 200
    assert crashing.process.wait(6) == 70


def test_a_mute_build_does_not_push(start, hub):
    url = f"http://127.0.0.1:{hub.server_address[1]}/"
    start("mute", CLAVITOR_PUSH_URL=url, CLAVITOR_PUSH_TOKEN=TOKEN, CLAVITOR_PUSH_INTERVAL="0.1")
    time.sleep(0.5)
    assert hub.reports == []


def test_a_migrated_database_is_refused_by_the_release_before(start):
    old = start()
    old.ask("PUT", "/api/vault/a", "kept")
    old.stop()
    new = start("migrate")
    assert new.ask("GET", "/api/vault/a")[1]["value"] == "kept"
    assert new.ask("PUT", "/api/vault/b", "by the new one")[0] == 200
    new.stop()
    back = start()
    assert back.process.wait(10) == 1
    assert "the database has schema 2, this release reads up to 1" in back.stop()


@pytest.mark.parametrize(("left", "of", "due"), [(31, 90, False), (29, 90, True), (16, 45, False), (14, 45, True)])
def test_a_certificate_is_renewed_in_the_last_third_of_its_life(left, of, due):
    assert is_due(0, of * DAY, (of - left) * DAY) is due


def test_counts_are_of_the_last_hour():
    now = [0.0]
    hour = LastHour(lambda: now[0])
    hour.count(error=False)
    hour.count(error=True)
    now[0] = 59 * 60
    hour.count(error=False)
    assert hour.totals() == (3, 1)
    now[0] = 60 * 60
    assert hour.totals() == (1, 0)


def test_machine_facts(tmp_path):
    assert memory("MemTotal: 1024000 kB\nMemAvailable:  768000 kB\n") == (250.0, 25.0)
    link = tmp_path / "system"
    assert generation(link) == 0
    link.symlink_to("system-42-link")
    assert generation(link) == 42
    stat = tmp_path / "stat"
    stat.write_text("cpu 100 0 0 100 0 0 0 0 0 0\n")
    processor = Processor(stat)
    assert processor.percent() == 50.0
    stat.write_text("cpu 110 0 0 190 0 0 0 0 0 0\n")
    assert processor.percent() == 10.0
