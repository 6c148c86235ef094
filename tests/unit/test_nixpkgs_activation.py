"""What a switch does to units and to /etc, and what the first boot after nixos-infect moves away."""

import json
from pathlib import Path

import pytest

from lab.nixpkgs.python.standin import activate, build, etc, lustrate, units
from lab.nixpkgs.python.standin.units import Applied, Plan, State

RUNS = State("active", "running")
FAILED = State("failed", "failed")


def _unit(digest: str = "new", **how: object) -> dict[str, object]:
    return {"digest": digest, "restart": True, "reload": False, "stop": True, "wanted": ["multi-user.target"]} | how


@pytest.mark.parametrize(
    ("applied", "unit", "state", "plan"),
    [
        ({"a": "new"}, _unit(), RUNS, Plan()),
        ({}, _unit(), State(), Plan(start=["a"])),
        ({"a": "old"}, _unit(), RUNS, Plan(stop=["a"], start=["a"])),
        ({"a": "old"}, _unit(stop=False), RUNS, Plan(restart=["a"])),
        ({"a": "old"}, _unit(reload=True), RUNS, Plan(reload=["a"])),
        ({"a": "old"}, _unit(reload=True), State(), Plan(start=["a"])),
        ({"a": "old"}, _unit(restart=False), RUNS, Plan(skip=["a"])),
        ({"a": "old"}, _unit(wanted=[]), State(), Plan(idle=["a"])),
        ({"a": "new"}, _unit(), FAILED, Plan(start=["a"])),
        ({"a": "?"}, _unit(), RUNS, Plan(stop=["a"], start=["a"])),
        ({"a": "?"}, _unit(), State(), Plan(start=["a"])),
        ({}, _unit(), RUNS, Plan(restart=["a"])),
        ({"a": "old"}, None, RUNS, Plan(stop=["a"])),
        ({"a": "old"}, None, State(), Plan()),
    ],
)
def test_a_unit_is_touched_as_it_has_to_be(
    applied: dict[str, str], unit: dict[str, object] | None, state: State, plan: Plan
) -> None:
    assert units.plan(applied, {"a": unit} if unit else {}, {"a": state}) == plan


def test_an_interrupted_switch_leaves_its_units_in_doubt(tmp_path: Path) -> None:
    file = tmp_path / "units.json"
    applied = Applied(file)
    applied.reset({"a": _unit("1"), "b": _unit("1")})
    applied.doubt(["a"])
    assert Applied(file).digests == {"a": "?", "b": "1"}
    applied.done(["a"], {"a": _unit("2")})
    applied.forget(["b"])
    assert Applied(file).digests == {"a": "2"}


def test_units_are_read_from_the_files_of_etc() -> None:
    entries = [
        {"path": "systemd/system/a.service", "text": "[Unit]\nX-RestartIfChanged=false\n", "source": None},
        {"path": "systemd/system/t.target.wants/a.service", "text": None, "source": "/etc/systemd/system/a.service"},
        {"path": "systemd/system/j.service.d/o.conf", "text": "[Unit]\nX-StopIfChanged=false\n", "source": None},
        {"path": "other", "text": "x", "source": None},
    ]
    found = build.units(entries)
    assert {name: (unit["restart"], unit["stop"], unit["wanted"]) for name, unit in found.items()} == {
        "a.service": (False, True, ["t.target"]),
        "j.service": (True, False, []),
    }


def _entry(path: str, source: Path, mode: str = "symlink") -> dict[str, str]:
    return {"path": path, "mode": mode, "user": "+0", "group": "+0", "source": str(source)}


def test_etc_has_what_is_declared_and_nothing_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etc.os, "fchown", lambda *owner: None)
    root, state, source = tmp_path / "etc", tmp_path / "state.json", tmp_path / "text"
    source.write_text("text")
    (root / "kept").mkdir(parents=True)
    (root / "kept/own").write_text("not ours")
    etc.apply([_entry("a/b", source), _entry("kept/c", source, "0440")], root, state)
    assert (root / "a/b").readlink() == source
    assert (root / "kept/c").stat().st_mode & 0o777 == 0o440
    etc.apply([], root, state)
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == ["kept", "kept/own"]
    assert json.loads(state.read_text()) == []


def test_an_interrupted_activation_leaves_nothing_after_the_next(tmp_path: Path) -> None:
    root, state, source = tmp_path / "etc", tmp_path / "state.json", tmp_path / "text"
    source.write_text("text")
    with pytest.raises(ValueError, match="invalid literal"):
        etc.apply([_entry("first", source), _entry("second", source, "not a mode")], root, state)
    assert (root / "first").exists()
    etc.apply([_entry("third", source)], root, state)
    assert [path.name for path in root.iterdir() if not path.name.startswith(".")] == ["third"]


def test_declared_hosts_replace_those_declared_before() -> None:
    own = "127.0.0.1 localhost\n10.9.0.2 machine\n"
    once = activate.with_hosts(own, "10.84.0.1 hub", "tokyo")
    assert activate.with_hosts(once, "10.84.0.1 other\n", "tokyo") == once.replace("hub", "other")
    assert once.startswith(own)


def test_lustration_takes_what_is_not_named(tmp_path: Path) -> None:
    for name in (
        "etc/wireguard/private.key", "etc/nixos/configuration.nix", "etc/ssh/ssh_host_ed25519_key",
        "etc/ssh/sshd_config",
        "etc/ssh/sshd_config.d/00-lab.conf", "etc/ssh/sshd_config.d/10-own.conf", "etc/passwd", "etc/clavitor/env",
        "etc/pam.conf", "etc/systemd/system/own.service", "home/mitch/.bashrc", "opt/uptime-kuma/server.js",
        "opt/clavitor/bin", "var/lib/clavitor/db", "var/lib/dpkg/status",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "etc/systemd/system/getty.target").symlink_to("/dev/null")
    (tmp_path / "var/lib/dpkg/info").mkdir()
    (tmp_path / "var/lib/dpkg/info/pam.list").write_text("/.\n/etc\n/etc/pam.conf\n/etc/ssh\n")
    gone = {
        str(path.relative_to(tmp_path)) for path in lustrate.lost(tmp_path, ["etc/nixos", "etc/ssh/ssh_host_*_key*"])
    }
    assert gone == {
        "etc/wireguard/private.key", "etc/ssh/sshd_config", "etc/ssh/sshd_config.d/10-own.conf", "etc/clavitor",
        "etc/systemd/system/own.service", "home/mitch", "opt/clavitor", "var/lib/clavitor",
    }  # fmt: skip
    assert "etc/wireguard/private.key" not in {
        str(path.relative_to(tmp_path)) for path in lustrate.lost(tmp_path, ["etc/wireguard/private.key"])
    }
