"""A long command on a host: heard as it goes on, and alone there while it lasts."""

import os
import subprocess
import time

import pytest

from estate.inventory import Ssh
from estate.models.faults import EstateFaults
from estate.remote import stream_as_root
from estate.run.lock import Holder, take_lock_script
from estate.secrets.redact import redact


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """An `ssh` that runs the remote command here."""
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Ssh("192.0.2.1", "root", 22, "", "/dev/null")


def test_a_long_command_is_heard_line_by_line_and_masked(ssh):
    redact.learn(["very-secret-word"])
    heard = []
    outcome = stream_as_root("h", ssh, "echo one >&2; echo very-secret-word >&2; echo '{}'; exit 3", heard.append)
    assert (outcome.code, outcome.stdout) == (3, "{}\n")
    assert heard == ["one", "«masked»"]


def test_a_host_that_is_lost_on_the_way_is_a_fault(ssh):
    with pytest.raises(EstateFaults, match="lost on the way: gone"):
        stream_as_root("h", ssh, "echo gone >&2; exit 255", lambda line: None)


def locked_script(tmp_path, body, run="r1"):
    me = Holder(run, "ann@desk", "2026-01-02T03:04:05Z", "estate backup restore")
    words = take_lock_script(me, 98)
    for path in ("/var/lib/estate", "/run/estate"):
        words = words.replace(path, str(tmp_path / path.lstrip("/").replace("/", "-")))
    return words.replace("sleep 8", "sleep 0.1") + body


def sh(script):
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)


def test_the_lock_is_held_while_the_command_runs_and_given_back(tmp_path):
    lock = tmp_path / "var-lib-estate" / "run.lock"
    result = sh(locked_script(tmp_path, f"cut -f1 {lock}; sleep 0.5; cut -f5 {lock}; exit 1\n"))
    run, ends = result.stdout.split()
    assert (result.returncode, run) == (1, "r1"), result.stderr
    assert int(ends) >= time.time() + 25, "renewed meanwhile"
    assert not lock.exists()


def test_a_lock_of_somebody_else_is_told_and_left(tmp_path):
    lock = tmp_path / "var-lib-estate" / "run.lock"
    lock.parent.mkdir()
    (tmp_path / "run-estate").mkdir()
    text = f"other\tbob\tsince\tdeploy\t{int(time.time()) + 20}\n"
    lock.write_text(text)
    result = sh(locked_script(tmp_path, "echo ran\n"))
    assert result.returncode == 98
    assert result.stdout.startswith("locked\tother\tbob\tsince\tdeploy\t")
    assert "ran" not in result.stdout
    assert lock.read_text() == text


def test_a_lock_that_was_broken_is_not_taken_back(tmp_path):
    lock = tmp_path / "var-lib-estate" / "run.lock"
    other = f"other\\tbob\\tsince\\tdeploy\\t{int(time.time()) + 20}\\n"
    sh(locked_script(tmp_path, f"printf '{other}' >{lock}; sleep 0.5\n"))
    assert lock.read_text().startswith("other\t")
