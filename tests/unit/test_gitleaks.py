"""Where gitleaks comes from: the machine's own, Debian's through apt, or a fault that says what to do."""

from pathlib import Path

import pytest

from lab import gitleaks
from lab.apt import Source
from lab.errors import LabError

MIRROR = Source("http://mirror.example/debian", "bookworm")


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(gitleaks, "machine_sources", lambda: [MIRROR])
    monkeypatch.setattr(gitleaks, "have", lambda program: True)
    monkeypatch.setattr(gitleaks.shutil, "which", lambda program: None)


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


GOOD = "if grep -q probe-1; then exit 0; else exit 9; fi"


@pytest.mark.parametrize(
    ("script", "good"),
    [
        (GOOD, True),
        ("exit 0", False),  # finds nothing
        ("exit 9", False),  # obeys no exceptions
        ("echo 'unknown command' >&2; exit 1", False),  # too old
        ('echo "version GLIBC_2.99 not found" >&2; exit 127', False),
    ],
)
def test_a_program_is_used_only_if_it_does_what_the_rules_need(tmp_path, script, good):
    assert gitleaks.works(program(tmp_path / "gitleaks", script)) is good


def test_the_machines_own_is_used(tmp_path, monkeypatch):
    own = program(tmp_path / "usr" / "gitleaks", GOOD)
    monkeypatch.setattr(gitleaks.shutil, "which", lambda program: str(own))
    assert gitleaks.ensure(tmp_path) == own


def test_one_that_is_too_old_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(gitleaks.shutil, "which", lambda _: str(program(tmp_path / "old", "exit 1")))
    monkeypatch.setattr(gitleaks, "fetch", lambda suite, line, folder: program(folder / "new", GOOD))
    assert gitleaks.ensure(tmp_path) == tmp_path / "gitleaks"
    monkeypatch.setattr(gitleaks, "fetch", None)  # the second time nothing is fetched
    assert gitleaks.ensure(tmp_path) == tmp_path / "gitleaks"


def test_the_next_suite_is_tried(tmp_path, monkeypatch):
    def fetch(suite: str, line: str, folder: Path) -> Path:
        if suite == gitleaks.SUITES[0]:
            raise LabError("not there")
        return program(folder / "new", GOOD)

    monkeypatch.setattr(gitleaks, "fetch", fetch)
    assert gitleaks.works(gitleaks.ensure(tmp_path))


def test_the_source_is_the_machines_mirror_and_signed(tmp_path, monkeypatch):
    keyring = tmp_path / "debian.gpg"
    monkeypatch.setattr(gitleaks, "KEYRING", keyring)
    assert gitleaks.source_line([MIRROR], "forky") == "deb http://mirror.example/debian forky main"
    keyring.touch()
    assert gitleaks.source_line([MIRROR], "sid") == f"deb [signed-by={keyring}] http://mirror.example/debian sid main"
    assert gitleaks.source_line([], "sid") == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"have": lambda program: False}, "no apt"),
        ({"machine_sources": lambda: []}, "no Debian mirror"),
        ({"fetch": lambda suite, line, folder: program(folder / "new", "exit 127")}, "does not run here"),
    ],
)
def test_where_it_cannot_be_had_the_fault_says_what_to_do(tmp_path, monkeypatch, change, said):
    for name, value in change.items():
        monkeypatch.setattr(gitleaks, name, value)
    with pytest.raises(LabError, match=f"{said}.*; install gitleaks 8.21 or newer"):
        gitleaks.ensure(tmp_path)


def test_apt_is_kept_to_a_folder_of_its_own(tmp_path, monkeypatch):
    calls = []

    def run(argv, **_):
        calls.append(argv)
        (tmp_path / "gitleaks_1_amd64.deb").touch()

    monkeypatch.setattr(gitleaks, "run", run)
    gitleaks.fetch("forky", "deb http://mirror.example/debian forky main", tmp_path)
    update, download, _ = calls
    for argv in (update, download):
        options = dict(part.split("=", 1) for part in argv if "::" in part)
        places = {name: value for name, value in options.items() if name.startswith("Dir::")}
        # apt puts a lock beside its status file: /dev/null there would put one into /dev
        assert places.pop("Dir::Etc::sourceparts") == "/dev/null"
        assert {Path(value).is_relative_to(tmp_path) for value in places.values()} == {True}
        assert {"Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Etc::sourcelist"} == set(places)
    assert download[-2:] == ["download", "gitleaks"]  # not `install`: the machine's packages stay as they are
