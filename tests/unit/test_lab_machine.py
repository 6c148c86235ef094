"""What the lab finds out about the machine: engine, capabilities, cgroups, apt sources."""

import os
from pathlib import Path

import pytest

from lab import apt, docker, engine, system
from lab.docker import Docker, find_docker
from lab.errors import LabError
from lab.paths import LabPaths
from lab.rootfs import Rootfs


def test_an_engine_that_answers_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Docker, "answers", lambda self: True)
    assert engine.ensure(LabPaths(tmp_path)) == (Docker(), "answers")


def test_an_engine_that_answers_root_only_is_used_through_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Docker, "answers", lambda self: self.prefix[0] == "sudo")
    assert find_docker() == Docker(("sudo", "-n", "docker"))


def test_without_an_engine_or_dockerd_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Docker, "answers", lambda self: False)
    monkeypatch.setattr(engine, "RUN_DIR", tmp_path)
    monkeypatch.setattr(engine, "have", lambda program: False)
    with pytest.raises(LabError, match=r"dockerd is not installed; install docker\.io"):
        engine.ensure(LabPaths(tmp_path))


def test_an_engine_that_never_answers_is_told_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    paths.engine_log.parent.mkdir()
    paths.engine_log.write_text("no space left\n")
    monkeypatch.setattr(engine, "find_docker", lambda: None)
    monkeypatch.setattr(engine, "_start", lambda paths: None)
    monkeypatch.setattr(engine, "START_SECONDS", 0)
    with pytest.raises(LabError, match="no space left"):
        engine.ensure(paths)


def test_pid_files_of_ended_processes_are_stale(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path / ".lab")
    run_dir = tmp_path / "run"
    for path, content in {
        paths.engine_pid: "999999999",
        run_dir / "docker.pid": "not a number",
        run_dir / "docker" / "containerd" / "containerd.pid": str(os.getpid()),
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert len(engine.stale_pid_files(paths, run_dir)) == 3


def test_pid_files_of_living_processes_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    paths.engine_pid.parent.mkdir()
    paths.engine_pid.write_text("77")
    monkeypatch.setattr(engine, "process_name", lambda pid: "dockerd" if pid == 77 else "")
    assert engine.stale_pid_files(paths, tmp_path) == []
    assert engine.started_by_lab(paths)


def test_stopping_an_engine_of_someone_else_does_nothing(tmp_path: Path) -> None:
    assert not engine.stop(LabPaths(tmp_path))


def test_a_living_process_has_a_name_and_an_ended_one_has_none() -> None:
    assert engine.process_name(os.getpid())
    assert engine.process_name(999999999) == ""


@pytest.mark.parametrize(
    ("mask", "absent"),
    [("000001ffffffffff", set()), ("000001fffeffffff", {"SYS_RESOURCE"}), ("0", set(system.CAPABILITIES))],
)
def test_capabilities_of_the_bounding_set(mask: str, absent: set[str]) -> None:
    names = system.bounding_set(f"Name:\tinit\nCapBnd:\t{mask}\n")
    assert set(system.CAPABILITIES) - set(names) == absent


@pytest.mark.parametrize(("version", "known"), [("20.10.24+dfsg1", False), ("26.1.5", True), ("28.2.2", True)])
def test_old_engines_are_not_asked_for_capabilities_they_do_not_know(version: str, known: bool, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("CapBnd:\t000001ffffffffff\n")
    assert ("BPF" in system.capabilities(version, status)) is known


def test_cgroup_versions(tmp_path: Path) -> None:
    assert system.cgroup_version(tmp_path) == 1
    (tmp_path / "cgroup.controllers").touch()
    assert system.cgroup_version(tmp_path) == 2


DEB822 = """Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security

Types: deb
URIs: https://elsewhere.example/node
Suites: nodistro
"""
LIST = """# deb http://off.example/debian bookworm main
deb [signed-by=/x.gpg arch=amd64] http://mirror.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
"""


@pytest.mark.parametrize("sources", [apt.parse_deb822(DEB822), apt.parse_list(LIST)])
def test_hosts_use_the_mirrors_of_the_machine(sources: list[apt.Source]) -> None:
    assert apt.host_sources(sources, "trixie") == [
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def test_on_a_machine_without_debian_sources_the_default_mirror_serves() -> None:
    assert apt.host_sources(apt.parse_list("deb http://mirror.example/ubuntu noble main\n")) == []


def test_only_settings_for_reaching_a_mirror_are_carried() -> None:
    dump = (
        'APT::Architecture "amd64";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::https::CAInfo "";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::GzipIndexes "true";\n'
    )
    assert apt.carried_settings(dump) == (
        'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::Check-Valid-Until "false";\n'
    )


def test_the_tag_of_an_image_follows_its_inputs(tmp_path: Path) -> None:
    script = tmp_path / "init"
    script.write_text("one")
    first = Rootfs("x/y", ("a",), (), files=(script,))
    assert first.tag == Rootfs("x/y", ("a",), (), files=(script,)).tag
    assert first.tag != Rootfs("x/y", ("a", "b"), (), files=(script,)).tag
    before = first.tag
    script.write_text("two")
    assert first.tag != before


def test_images_of_ours_are_known_by_label_and_by_name() -> None:
    from lab.down import own_images

    rows = [
        "sha256:1 estate-lab/host:a",
        "sha256:2 127.0.0.1:5000/library/redis:7",
        "sha256:3 debian:12",
        "sha256:4 x:y",
        "sha256:2 redis:7",
    ]
    assert own_images(rows, {"sha256:4"}) == [
        "127.0.0.1:5000/library/redis:7",
        "estate-lab/host:a",
        "redis:7",
        "x:y",
    ]


def test_labels_are_one_family() -> None:
    assert docker.INPUTS.startswith(docker.LABEL)
