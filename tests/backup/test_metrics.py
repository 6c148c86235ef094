"""Metrics and alerts: what node_exporter and Alertmanager read."""

import json
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from backup_host import Host

from estate_backup import metrics, notify, state
from estate_backup.metrics import Metrics


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def test_values_stay_until_they_are_set_again(host):
    first = Metrics(host.config)
    first.set("estate_backup_last_result", 1, kind="daily")
    first.set("estate_backup_drill_rto_seconds", 12.5)
    first.write()
    second = Metrics(host.config)
    second.set("estate_backup_last_result", 0, kind="weekly")
    second.write()
    text = host.config.metrics.read_text()
    assert 'estate_backup_last_result{kind="daily"} 1.0\nestate_backup_last_result{kind="weekly"} 0.0\n' in text
    assert "estate_backup_drill_rto_seconds 12.5\n" in text
    assert oct(host.config.metrics.stat().st_mode)[-3:] == "644"


def test_two_programs_do_not_lose_each_others_values(host):
    check, backup = Metrics(host.config), Metrics(host.config)
    check.set("estate_backup_last_check_ok", 1, store="b2")
    backup.set("estate_backup_last_result", 1, kind="daily")
    backup.write()
    check.write()
    text = host.config.metrics.read_text()
    assert "estate_backup_last_check_ok" in text
    assert "estate_backup_last_result" in text


def test_a_name_that_nothing_reads_is_refused(host):
    with pytest.raises(KeyError):
        Metrics(host.config).set("estate_backup_other", 1)


def test_prometheus_takes_all_of_them(host):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    mine = Metrics(host.config)
    for name in metrics.NAMES:
        mine.set(name, 1.5, store='a "b" \\ c')
    mine.write()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=host.config.metrics.read_text(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr


def test_an_alert_goes_to_the_alertmanager_of_the_host(host):
    (host.bin / "amtool").write_text("#!/bin/sh\nexit 0\n")
    (host.bin / "amtool").chmod(0o755)
    host.calls.with_suffix(".running").touch()
    faults = ['stores/b2: said "no"', "x"]
    assert notify.alert(host.config, "BackupFailed", "daily failed", "PROGRAM status.", faults, {"kind": "daily"})
    told = host.calls.read_text()
    assert 'alertname="BackupFailed" severity="critical" service="backups" host="mainframe" kind="daily"' in told
    assert 'description="stores/b2: said \\"no\\" | x"' in told


def test_the_alert_is_the_rules_own_and_says_what_to_do(host, monkeypatch):
    given = sent(host, monkeypatch, "BackupFailed", "daily failed", "PROGRAM status.", ["x"], {"kind": "daily"})
    # what alertmanager.yml.j2 makes the message of
    assert given["labels"]["severity"] == "critical"
    assert given["annotations"]["summary"] == "daily failed"
    assert given["annotations"]["action"] == f"{host.root}/backups/scripts/estate-backup status."
    # what Prometheus sends for `min by (kind) (estate_backup_last_result) == 0`, with its external label
    assert set(given["labels"]) == {"alertname", "kind", "severity", "service", "host"}
    assert given["labels"]["service"] == "backups"
    began, ends = (datetime.fromisoformat(given[name]) for name in ("startsAt", "endsAt"))
    assert ends - began == timedelta(hours=24)
    assert abs(datetime.now(UTC) - began) < timedelta(minutes=1)


def sent(host, monkeypatch, *words):
    """What Alertmanager gets of an alert, through the real amtool."""
    if not (amtool := shutil.which("amtool")):
        pytest.skip("amtool is not installed (Debian: prometheus-alertmanager)")
    got = []

    class Alertmanager(BaseHTTPRequestHandler):
        def do_POST(self):
            got.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Alertmanager)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    shim = host.bin / "amtool"
    url = f"http://127.0.0.1:{server.server_address[1]}"
    shim.write_text(f'#!/bin/sh\nshift; exec {amtool} --alertmanager.url={url} "$@"\n')
    shim.chmod(0o755)
    host.calls.with_suffix(".running").touch()
    try:
        assert notify.alert(host.config, *words)
    finally:
        server.shutdown()
        server.server_close()
    (alert,) = got
    return alert


def test_that_nobody_can_be_told_is_no_fault(host, caplog):
    assert not notify.alert(host.config, "BackupFailed", "daily failed", "PROGRAM status.", [])
    assert "no alert was raised" in caplog.text


def test_state_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "state" / "x.json"
    state.save(path, {"a": 1})
    with pytest.raises(TypeError):
        state.save(path, {"a": object()})
    assert state.load(path) == {"a": 1}
    assert [item.name for item in path.parent.iterdir()] == ["x.json"]


def test_history_is_bounded(tmp_path):
    for number in range(12):
        state.append(tmp_path / "runs.jsonl", {"n": number}, keep=5)
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 5
