"""Old data and new, live containers and signals: from every moment of a crash the old data come back."""

import json
import os
import signal

import pytest

from estate_backup import live, restore_docker, restore_swap
from estate_backup.config import Service
from estate_backup.errors import BackupError
from estate_backup.restore_docker import State
from estate_backup.restore_plan import Root

SET = "2026-01-01T000000Z"
OLD, NEW = {"db": "old", "log": "old"}, {"db": "new"}


def write(folder, files):
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def read(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def data(tmp_path):
    write(tmp_path / "data", OLD)
    write(restore_swap.new(tmp_path / "data", SET), NEW)
    return tmp_path / "data"


def only(data):
    return [path.name for path in data.parent.iterdir()]


@pytest.mark.parametrize("renames", range(3))
def test_old_data_come_back_from_each_moment_of_a_swap(data, renames):
    if renames > 0:
        data.rename(restore_swap.before(data, SET))
    if renames > 1:
        restore_swap.new(data, SET).rename(data)
    for _ in range(2):  # and again, when that was interrupted, too
        restore_swap.put_back(data, SET, was_there=True)
        assert read(data) == OLD
        assert only(data) == ["data"]


def test_putting_back_may_be_interrupted_too(data):
    restore_swap.put_in_place(data, SET)
    data.rename(restore_swap.new(data, SET))
    restore_swap.put_back(data, SET, was_there=True)
    assert read(data) == OLD
    assert only(data) == ["data"]


def test_a_swap_keeps_the_old_data_beside(data):
    restore_swap.put_in_place(data, SET)
    assert read(data) == NEW
    assert read(restore_swap.before(data, SET)) == OLD


def test_where_there_were_no_data_there_are_none_again(tmp_path):
    data = tmp_path / "data"
    write(restore_swap.new(data, SET), NEW)
    restore_swap.put_in_place(data, SET)
    restore_swap.put_back(data, SET, was_there=False)
    assert not list(tmp_path.iterdir())


def test_what_the_set_does_not_have_goes_too_and_comes_back(tmp_path):
    log = tmp_path / "db-wal"
    log.write_text("of the old database")
    restore_swap.put_in_place(log, SET)
    assert not log.exists()
    restore_swap.put_back(log, SET, was_there=True)
    assert log.read_text() == "of the old database"


def test_what_the_set_does_not_decide_is_carried_over_as_it_is(tmp_path):
    data, place = tmp_path / "data", tmp_path / "new"
    write(data, {"db": "x", "db-wal": "x", "plugin": "kept"})
    write(data / "some" / "decided", {"a": "x"})
    write(data / "some" / "other", {"b": "kept"})
    (data / "link").symlink_to("nowhere")
    (data / "some").chmod(0o711)
    write(place, {"db": "restored"})
    covered = (data / "db", data / "db-wal", data / "some" / "decided")
    names = restore_swap.carry_over(Root(data, covered), place)
    assert names == ("link", "plugin", "some/other")
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*")) == [
        "db",
        "link",
        "plugin",
        "some",
        "some/other",
        "some/other/b",
    ]
    assert (place / "db").read_text() == "restored"
    assert (place / "some").stat().st_mode & 0o777 == 0o711
    assert restore_swap.carried_size(Root(data, covered)) >= len("keptkept")


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker that answers `inspect` with one state after another."""
    script = tmp_path / "docker"
    script.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n[ "$1" = inspect ] || exit 0\n'
        f"cd {tmp_path}\n"
        'state=$(head -n 1 states)\n[ "$(wc -l <states)" -le 1 ] || sed -i 1d states\n'
        '[ "$state" = absent ] && { echo "Error: No such container" >&2; exit 1; }\n'
        '[ "$state" = down ] && { echo "Cannot connect to the Docker daemon" >&2; exit 1; }\nprintf "%s" "$state"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(live, "PAUSE", 0)

    def states(*given):
        lines = [
            json.dumps([{"State": {"Status": one[0], "ExitCode": 3, "Health": {"Status": one[1]} if one[1] else None}}])
            if isinstance(one, tuple)
            else one
            for one in given
        ]
        (tmp_path / "states").write_text("\n".join(lines) + "\n")
        return tmp_path / "calls"

    return states


VAULT = Service("vault", "vault", drill={"timeout": 0.2})


def test_a_service_is_awaited_until_its_check_is_green(docker):
    docker(("running", "starting"), ("running", "starting"), ("running", "healthy"))
    live.wait_healthy(VAULT)


def test_one_without_a_check_only_has_to_run(docker):
    docker(("running", ""))
    live.wait_healthy(VAULT)


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        (("running", "unhealthy"), "did not come up"),
        (("exited", ""), "exit code 3"),
        ("absent", "did not come up"),
        (("restarting", "starting"), "not healthy within 0.2 seconds"),
    ],
)
def test_one_that_does_not_come_up_is_told(docker, state, fault):
    docker(("running", "starting"), state)
    with pytest.raises(BackupError, match=fault):
        live.wait_healthy(VAULT)


def test_a_daemon_that_is_down_is_no_absent_container(docker):
    docker("down")
    with pytest.raises(BackupError, match="is the Docker daemon running"):
        restore_docker.state("vault")
    docker("absent")
    assert restore_docker.state("vault") == State()


def test_one_that_still_runs_after_its_stop_is_not_taken_for_stopped(docker):
    docker(("running", "healthy"))
    with pytest.raises(BackupError, match="still running after docker stop"):
        live.stop([VAULT])


def test_services_without_a_container_are_neither_stopped_nor_started(docker):
    calls = docker("absent")
    docs = Service("docs", "")
    live.stop([docs])
    live.start([docs])
    live.wait_healthy(docs)
    live.require([docs])
    assert not calls.exists()


def test_a_signal_unwinds_once_and_the_way_out_is_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    def work():
        with live.interruptible():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGHUP)
                cleaned.append(True)

    with pytest.raises(SystemExit) as ended:
        work()
    assert cleaned
    assert ended.value.code == 128 + signal.SIGTERM
    assert str(ended.value) == "interrupted by SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before
