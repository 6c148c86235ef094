"""The push bridge: what it takes, keeps, judges, refuses and passes on."""

import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from push_bridge.backups import AGE_HEADER
from push_bridge.bridge import Bridge
from push_bridge.config import Config, Secrets, load
from push_bridge.report import FIELDS, faults_of, out_of_bounds
from push_bridge.web import Server

FOLDER = Path(__file__).parents[2] / "files" / "edge" / "push_bridge"
NODES = ("zurich", "tokyo", "seoul")
TOKENS = {node: f"{node}-token-of-the-push" for node in NODES}
KUMA = {node: {"sev2": f"{node}2" + "x" * 26, "sev1": f"{node}1" + "x" * 26} for node in NODES}
NOW = 1_790_000_000.0
GOOD = {
    "node": "tokyo",
    "ts": int(NOW),
    "ram_mb": 142,
    "ram_pct": 27.7,
    "disk_mb": 3200,
    "disk_pct": 31.2,
    "cpu_pct": 2.1,
    "db_size_mb": 12,
    "db_integrity": "ok",
    "active_sessions": 3,
    "req_1h": 847,
    "err_1h": 2,
    "cert_days_remaining": 62,
    "nix_gen": 2,
    "uptime_s": 864000,
}


class FakeKuma(ThreadingHTTPServer):
    """Takes heartbeats like Kuma's /api/push; slow or refusing when told."""

    daemon_threads = True

    def __init__(self) -> None:
        self.beats: list[tuple[str, dict[str, str]]] = []
        self.delay, self.status = 0.0, 200
        super().__init__(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(self):
        kuma = self

        class Push(BaseHTTPRequestHandler):
            def do_GET(self):
                time.sleep(kuma.delay)
                at = urlsplit(self.path)
                kuma.beats.append((at.path.rpartition("/")[2], {k: v[0] for k, v in parse_qs(at.query).items()}))
                self.send_response(kuma.status)
                self.end_headers()

            def log_message(self, *args):
                pass

        return Push

    def wait(self, count: int) -> list[tuple[str, dict[str, str]]]:
        until = time.monotonic() + 5
        while len(self.beats) < count and time.monotonic() < until:
            time.sleep(0.01)
        return self.beats


class Running:
    """A bridge that serves on a free port, with a clock that a test moves."""

    def __init__(self, state: Path, **settings: object) -> None:
        self.now = NOW
        config = Config(NODES, port=0, **settings)  # type: ignore[arg-type]
        self.bridge = Bridge(config, Secrets(TOKENS, KUMA), state, lambda: self.now)
        self.server = Server(self.bridge)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def ask(self, method, path, body=None, token="", headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = {**({"Authorization": f"Bearer {token}"} if token else {}), **dict(headers)}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, json.loads(text) if answer.headers["Content-Type"] == "application/json" else text

    def push(self, node="tokyo", token=None, **change):
        body = json.dumps({**GOOD, "ts": int(self.now), "node": node, **change})
        return self.ask("POST", f"/push/{node}", body, TOKENS[node] if token is None else token)

    def node(self, name="tokyo"):
        return self.ask("GET", "/status")[1]["nodes"][name]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.bridge.close()


@pytest.fixture
def kuma():
    with FakeKuma() as server:
        yield server
        server.shutdown()


@pytest.fixture
def start(tmp_path):
    started = []

    def run(**settings):
        started.append(Running(tmp_path / "state", **settings))
        return started[-1]

    yield run
    for one in started:
        one.close()


@pytest.fixture
def running(start):
    return start()


def test_a_report_is_kept_and_shown(running):
    assert running.push() == (200, {"ok": True, "alerts": []})
    seen = running.node()
    assert seen["payload"] == GOOD
    assert seen["received"] == NOW
    assert (seen["pushes_1h"], seen["req_1h"], seen["err_1h"]) == (1, 847, 2)
    assert seen["alerts"] == []
    assert seen["backup"] is None
    assert running.node("seoul")["received"] is None
    assert running.node("seoul")["alerts"] == ["it has never pushed"]


def test_the_fields_are_the_fifteen_of_the_payload():
    assert set(FIELDS) == set(GOOD)
    assert len(FIELDS) == 15


@pytest.mark.parametrize("token", ["", "wrong", TOKENS["seoul"], "é"])
def test_only_the_nodes_own_token_opens_its_path(running, token):
    assert running.push(token=token.encode().decode("latin-1"))[0] == 401
    assert running.node()["received"] is None


def test_an_unknown_node_is_not_told_from_a_wrong_token(running):
    unknown = running.ask("POST", "/push/oslo", json.dumps(GOOD), "no such node")
    assert unknown == running.push(token="wrong")
    assert unknown[0] == 401


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ts": "now"}, "ts is not a whole number"),
        ({"ts": 12}, "ts is not between 1.6e+09 and 4.10244e+09"),
        ({"ram_pct": 127.7}, "ram_pct is not between 0 and 100"),
        ({"disk_pct": -1}, "disk_pct is not between 0 and 100"),
        ({"cpu_pct": None}, "cpu_pct is not a number"),
        ({"req_1h": True}, "req_1h is not a whole number"),
        ({"req_1h": 1, "err_1h": 2}, "err_1h is more than req_1h"),
        ({"nix_gen": 2.5}, "nix_gen is not a whole number"),
        ({"db_integrity": ""}, "db_integrity is not a short line of text"),
        ({"db_integrity": "a\nb"}, "db_integrity is not a short line of text"),
        ({"uptime_s": float("nan")}, "uptime_s is not a number"),
        ({"ram_mb": 10**400}, "ram_mb is not between 0 and 1e+07"),
    ],
)
def test_a_report_that_is_not_sane_is_refused_with_the_reason(running, change, reason):
    assert running.push(**change) == (400, {"error": reason})
    assert running.node()["received"] is None


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "[" * 16000, b"\xff\xfe"])
def test_what_is_no_report_is_refused(running, body):
    assert running.ask("POST", "/push/tokyo", body, TOKENS["tokyo"])[0] == 400


def test_a_report_of_another_node_is_refused(running):
    answer = running.ask("POST", "/push/tokyo", json.dumps({**GOOD, "node": "seoul"}), TOKENS["tokyo"])
    assert answer == (400, {"error": "node is not tokyo"})


def test_all_faults_are_told_at_once():
    assert len(faults_of({}, "tokyo")) == 15
    assert faults_of({**GOOD, "more": 1}, "tokyo") == []


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"db_integrity": "row 7 missing"}, "db_integrity: row 7"),
        ({"cert_days_remaining": 13}, "certificate: 13 days left"),
        ({"disk_pct": 85.1}, "disk: 85.1 %"),
        ({"req_1h": 100, "err_1h": 6}, "errors: 6.0 %"),
    ],
)
def test_what_is_out_of_bounds_is_named(change, start):
    (found,) = out_of_bounds({**GOOD, **change}, Config(NODES))
    assert found.startswith(start)


@pytest.mark.parametrize(
    "change",
    [{"cert_days_remaining": 14}, {"disk_pct": 85}, {"req_1h": 100, "err_1h": 5}, {"req_1h": 19, "err_1h": 19}],
)
def test_what_is_on_the_bound_or_too_little_to_judge_is_well(change):
    assert out_of_bounds({**GOOD, **change}, Config(NODES)) == []


def test_a_clock_that_is_off_is_an_alert_and_no_refusal(running):
    assert running.push(ts=int(NOW) - 301)[0] == 200
    assert running.node()["alerts"] == ["clock skew: its clock is 301 s behind"]
    running.push(ts=int(NOW) + 400)
    assert running.node()["alerts"] == ["clock skew: its clock is 400 s ahead"]
    running.push(ts=int(NOW) + 299)
    assert running.node()["alerts"] == []


def test_a_generation_that_went_back_or_is_not_the_majority_is_an_alert(running):
    for node in NODES:
        running.push(node, nix_gen=42)
    assert all(running.node(node)["alerts"] == [] for node in NODES)
    running.now += 1
    running.push("tokyo", nix_gen=41)
    assert running.node()["alerts"] == ["nix_gen: went back from 42 to 41", "nix_gen: 41, most nodes run 42"]
    assert running.node("seoul")["alerts"] == []


def test_silence_is_an_alert_in_the_status(running):
    running.push()
    running.now += 61
    assert running.node()["alerts"] == ["silent: no push for 61 s"]


def test_counts_are_of_the_last_hour_and_history_is_forgotten(start):
    running = start(history_days=1)
    for _ in range(3):
        running.push()
        running.now += 1
    running.now += 3600
    assert running.node()["pushes_1h"] == 0
    assert len(running.ask("GET", "/history/tokyo?hours=2")[1]["pushes"]) == 3
    running.now += 86400
    running.push()
    assert len(running.ask("GET", "/history/tokyo?hours=9999")[1]["pushes"]) == 1


def test_a_long_history_is_thinned(running):
    for second in range(7000):
        running.bridge.store.add(GOOD, NOW - second)
    assert 2000 < len(running.ask("GET", "/history/tokyo")[1]["pushes"]) <= 3000
    assert running.ask("GET", "/history/oslo")[0] == 404
    assert running.ask("GET", "/history/tokyo?hours=many")[0] == 400


def test_metrics_have_each_number_of_each_node(running):
    running.push()
    running.now += 7
    status, text = running.ask("GET", "/metrics")
    assert status == 200
    assert 'clavitor_cert_days_remaining{node="tokyo"} 62\n' in text
    assert 'push_bridge_last_push_age_seconds{node="tokyo"} 7.0\n' in text
    assert 'clavitor_db_integrity_ok{node="tokyo"} 1\n' in text
    assert 'push_bridge_alerts{node="seoul"} 1\n' in text
    assert all(re.fullmatch(r'# TYPE \w+ gauge|\w+\{node="[a-z]+"\} -?[\d.]+', line) for line in text.splitlines())
    assert len(re.findall(r"^# TYPE", text, re.M)) == len(set(re.findall(r"^# TYPE.*", text, re.M)))


def test_both_monitors_get_each_heartbeat(start, kuma):
    running = start(kuma=f"http://127.0.0.1:{kuma.server_address[1]}")
    running.push()
    beats = kuma.wait(2)
    assert [token for token, _ in beats] == [KUMA["tokyo"]["sev2"], KUMA["tokyo"]["sev1"]]
    assert beats[0][1]["status"] == "up"
    assert beats[0][1]["ping"] == "62"
    assert beats[0][1]["msg"].startswith("cert 62 d, disk 31.2 %")
    running.push(db_integrity="malformed")
    assert kuma.wait(4)[-1][1]["status"] == "down"
    assert kuma.wait(4)[-1][1]["msg"] == "db_integrity: malformed"


def test_a_kuma_that_hangs_slows_no_push_and_nothing_piles_up(start, kuma):
    kuma.delay = 0.4
    running = start(kuma=f"http://127.0.0.1:{kuma.server_address[1]}")
    begun = time.monotonic()
    for number in range(30):
        assert running.push(uptime_s=number)[0] == 200
    assert time.monotonic() - begun < 5
    running.bridge.forwarder.close(5)
    assert len(kuma.beats) < 30


def test_a_kuma_that_is_away_or_refuses_is_told_once_without_the_token(start, kuma, caplog):
    running = start(kuma=f"http://127.0.0.1:{kuma.server_address[1]}")
    kuma.status = 404
    for count in (2, 4):
        running.push()
        kuma.wait(count)
        time.sleep(0.1)
    told = [record.getMessage() for record in caplog.records if "Kuma" in record.getMessage()]
    assert told == ["Kuma did not take the heartbeat of tokyo: sev2: HTTP 404"]
    assert 'push_bridge_kuma_refuses{node="tokyo"} 1' in running.ask("GET", "/metrics")[1]


def test_no_token_is_logged(start, kuma, caplog):
    caplog.set_level(logging.DEBUG)
    running = start(kuma=f"http://127.0.0.1:{kuma.server_address[1]}")
    kuma.status = 500
    running.push()
    running.push(token="a-wrong-token")
    running.push(ts=1)
    kuma.wait(2)
    assert caplog.text
    assert not re.search(r"token-of|a-wrong-token|xxxx", caplog.text)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/status/x", 404),
        ("GET", "/history/", 404),
        ("POST", "/status", 404),
        ("POST", "/push/tokyo/more", 404),
        ("PUT", "/push/tokyo", 404),
        ("DELETE", "/push/tokyo", 501),
    ],
)
def test_other_paths_are_refused(running, method, path, status):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=5)
    connection.request(method, path, None, {"Authorization": f"Bearer {TOKENS['tokyo']}"})
    assert connection.getresponse().status == status


def test_a_body_that_is_too_large_or_has_no_length_is_refused(running):
    assert running.ask("POST", "/push/tokyo", "x" * 500_000, TOKENS["tokyo"])[0] == 413
    chunked = running.ask("POST", "/push/tokyo", iter([b"{}"]), TOKENS["tokyo"], {"Transfer-Encoding": "chunked"})
    assert chunked[0] == 411


def test_a_slow_client_is_cut_off_and_others_are_served(start):
    running = start(request_seconds=0.5)
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as slow:
        slow.sendall(b"POST /push/tokyo HTTP/1.1\r\nX: ")
        assert running.push()[0] == 200
        begun = time.monotonic()
        while slow.recv(100):
            pass
        assert time.monotonic() - begun < 3


def test_more_connections_than_allowed_are_closed(start):
    running = start(connections=2, request_seconds=10)
    held = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(2)]
    time.sleep(0.1)
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as third:
        assert third.recv(10) == b""
    for one in held:
        one.close()
    time.sleep(0.1)
    assert running.push()[0] == 200


def test_a_backup_is_kept_whole_and_the_oldest_go(running, tmp_path):
    for number in range(9):
        body = AGE_HEADER + bytes([number]) * 100_000
        status, answer = running.ask("PUT", "/backup/tokyo", body, TOKENS["tokyo"])
        assert (status, answer["bytes"]) == (201, len(body))
        time.sleep(0.002)
    kept = sorted((tmp_path / "state/backups/tokyo").iterdir())
    assert len(kept) == 7
    assert kept[-1].read_bytes() == body
    assert kept[-1].stat().st_mode & 0o777 == 0o600
    backup = running.node()["backup"]
    assert backup["bytes"] == len(body)
    assert abs(backup["at"] - time.time()) < 60
    assert list((tmp_path / "state/backups/.incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"SQLite format 3\x00", 400), (b"", 400), (AGE_HEADER + b"x" * (1024 * 1024), 413), (AGE_HEADER[:-1], 400)],
)
def test_what_age_did_not_encrypt_or_is_too_large_is_no_backup(start, tmp_path, body, status):
    running = start(backup_max_mb=1)
    assert running.ask("PUT", "/backup/tokyo", body, TOKENS["tokyo"])[0] == status
    assert running.ask("PUT", "/backup/tokyo", body, TOKENS["seoul"])[0] == 401
    assert running.node()["backup"] is None


def test_a_backup_that_breaks_off_leaves_nothing(running, tmp_path):
    with socket.create_connection(("127.0.0.1", running.port)) as broken:
        head = f"PUT /backup/tokyo HTTP/1.1\r\nAuthorization: Bearer {TOKENS['tokyo']}\r\nContent-Length: 5000\r\n\r\n"
        broken.sendall(head.encode() + AGE_HEADER + b"half")
        broken.shutdown(socket.SHUT_WR)
        assert b" 400 " in broken.recv(1000)
    assert running.node()["backup"] is None
    assert list((tmp_path / "state/backups/.incoming").iterdir()) == []


def write(folder: Path, config: dict, secrets: dict) -> tuple[Path, Path]:
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "secrets").write_text(json.dumps(secrets))
    return folder / "config.json", folder / "secrets"


def test_a_configuration_tells_all_its_faults_and_no_secret(tmp_path):
    files = write(tmp_path, {"nodes": ["a", "b"], "kuma": "http://k", "prot": 1}, {"push": {"a": "short-secret"}})
    with pytest.raises(ValueError) as caught:
        load(*files)
    text = str(caught.value)
    assert len(text.splitlines()) == 7
    assert "unknown key prot" in text
    assert "b has no sev1" in text
    assert "short-secret" not in text + repr(Secrets(TOKENS, KUMA))


def test_as_a_process_it_serves_keeps_its_history_and_ends_at_sigterm(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config, _ = write(tmp_path, {"nodes": ["tokyo"], "port": port}, {"push": {"tokyo": TOKENS["tokyo"]}})
    environment = {
        "PATH": os.environ["PATH"],
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "STATE_DIRECTORY": str(tmp_path / "s"),
    }
    argv = [sys.executable, "-I", str(FOLDER), "--config", str(config)]
    for round_ in (1, 2):
        process = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(100):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                body = json.dumps({**GOOD, "ts": int(time.time())})
                connection.request("POST", "/push/tokyo", body, {"Authorization": f"Bearer {TOKENS['tokyo']}"})
                assert connection.getresponse().status == 200
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/status")
        assert json.load(connection.getresponse())["nodes"]["tokyo"]["pushes_1h"] == round_
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr.read().splitlines()[-1] == "INFO stopped"


def test_it_does_not_start_without_its_secrets(tmp_path):
    config, secrets = write(tmp_path, {"nodes": ["tokyo"]}, {})
    argv = [sys.executable, str(FOLDER), "--config", str(config), "--secrets", str(secrets), "--state", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "tokyo has no token" in done.stderr
