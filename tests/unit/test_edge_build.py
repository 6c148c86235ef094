"""A generation that the controller builds: what is asked of the hub, what it is sent, who is refused."""

import subprocess
from pathlib import Path

import pytest
from edge_builds import FLEET, VALUES, Hub, estate_of, node, publish
from edge_fleet import NODES, hub, keys, mesh
from nixpkgs_eval import STAND_IN

from estate.facts import host_state
from estate.models.faults import EstateFaults
from estate.render.edge import DEPOT, GENERATION, TASK, built_on, edge, fetch_words, wanted_of
from estate.rollout import build
from estate.run import start

CLOSURE = [f"/nix/store/{n * 32}-{n}" for n in "abc"]


def fake_nix(directory, monkeypatch, nix_build="", nix_store=""):
    """Commands of Nix that do as they are told, and the only ones that there are."""
    directory.mkdir()
    for name, text in (("nix-build", nix_build), ("nix-store", nix_store)):
        if text:
            (directory / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{directory}/called\n{text}\n')
            (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    return directory / "called"


STORE = 'case "$1" in -qR) printf "%s\\n" ' + " ".join(CLOSURE) + ' ;; --export) printf "archive of $*" ;; esac'


def test_a_node_is_built_where_it_is_declared_and_the_hub_on_itself_unless_that_is_here():
    places = {one.name: built_on(node(one.name)) for one in FLEET.nodes}
    assert places == {one.name: "hub" for one in NODES} | {"zurich": "node", "dallas": "node", "tokyo": "controller"}
    away = mesh(nodes=(hub(build="controller"), *NODES[1:]))
    words = fetch_words(away, node("zurich", away), keys(), wanted_of(node("zurich", away), keys()))
    assert (words["BUILD"], words["SOURCE"]) == ("controller", f"file://{DEPOT}")
    words = fetch_words(FLEET, node(), keys(), wanted_of(node(), keys()))
    assert (words["BUILD"], words["SOURCE"]) == ("controller", "http://10.84.0.1:8480")


def test_the_hub_is_sent_what_it_lacks_and_nothing_else(tmp_path, monkeypatch):
    called = fake_nix(tmp_path / "bin", monkeypatch, f"echo {CLOSURE[2]}", STORE)
    there = Hub(lacks=CLOSURE[1:]).install(monkeypatch)
    publish(node())
    ((_, sent, target, digest),) = there.files
    assert sent.decode() == f"archive of --export {CLOSURE[1]} {CLOSURE[2]}"
    assert subprocess.run(["sha256sum"], input=sent, capture_output=True).stdout.split()[0].decode() == digest
    (_, asked, stdin), (name, script, _) = there.told[1:]
    assert stdin.split() == CLOSURE
    assert CLOSURE[0] not in asked
    assert name == "zurich"
    assert f"SYSTEM={CLOSURE[2]}\nCLOSURE={target}\n" in script
    assert f"-I nixpkgs={STAND_IN} " in called.read_text()


def test_nothing_is_sent_to_a_hub_that_has_it_all(tmp_path, monkeypatch):
    called = fake_nix(tmp_path / "bin", monkeypatch, f"echo {CLOSURE[2]}", STORE)
    there = Hub().install(monkeypatch)
    publish(node())
    assert there.files == []
    assert "--export" not in called.read_text()
    assert "CLOSURE=''\n" in there.told[-1][1]


def test_a_node_that_the_hub_builds_for_needs_no_nix_here(tmp_path, monkeypatch):
    called = fake_nix(tmp_path / "bin", monkeypatch)
    there = Hub().install(monkeypatch)
    publish(node("newjersey"))
    assert not called.exists()
    assert "SYSTEM=''\n" in there.told[-1][1]
    assert there.told[-1][2]


def test_a_build_that_fails_shows_the_end_of_its_log(tmp_path, monkeypatch):
    fake_nix(tmp_path / "bin", monkeypatch, "seq 100 >&2; exit 1", STORE)
    there = Hub().install(monkeypatch)
    with pytest.raises(EstateFaults) as raised:
        publish(node())
    (fault,) = raised.value.faults
    assert fault.path == "controller/build tokyo"
    assert fault.fault.splitlines() == [str(n) for n in range(81, 101)]
    assert len(there.told) == 1


def test_what_the_hub_cannot_import_is_named(tmp_path, monkeypatch):
    fake_nix(tmp_path / "bin", monkeypatch, f"echo {CLOSURE[2]}", STORE)
    Hub(lacks=CLOSURE, code=1).install(monkeypatch)
    with pytest.raises(
        EstateFaults, match="zurich/build tokyo: error: path '/nix/store/x' is not valid; run this again"
    ):
        publish(node())


def test_the_configuration_is_built_in_a_directory_of_its_own_that_goes(tmp_path, monkeypatch):
    folder = f'folder=$(dirname "$(dirname "${{10#nixos-config=}}")"); stat -c "%a $folder" "$folder" >{tmp_path}/seen'
    fake_nix(tmp_path / "bin", monkeypatch, f"{folder}; ls $folder/nixos >>{tmp_path}/seen; echo {CLOSURE[2]}", STORE)
    Hub().install(monkeypatch)
    publish(node())
    mode, where, *names = (tmp_path / "seen").read_text().split()
    assert mode == "700"
    assert names == ["configuration.nix", "estate.nix", "modules"]
    assert not Path(where).exists()


@pytest.mark.parametrize(
    ("nix_build", "nix_store", "fault", "remedy"),
    [
        ("", "", "the controller has no nix-build and no nix-store to build tokyo with", "install Nix here"),
        ("exit 0", "", "the controller has no nix-store to build tokyo with", "install Nix here"),
        (
            "echo \"error: a 'x86_64-linux' with features {} is required to build\" >&2; exit 1",
            "exit 0",
            "the controller cannot build for x86_64-linux: a 'x86_64-linux' with features {} is required to build",
            "give its Nix a builder for x86_64-linux",
        ),
        (
            "echo \"error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket'\" >&2; exit 1",
            "exit 0",
            "the controller cannot build for x86_64-linux: cannot connect to socket",
            "give its Nix a builder",
        ),
    ],
)
def test_a_controller_that_cannot_build_is_refused_before_anything_is_changed(
    tmp_path, monkeypatch, nix_build, nix_store, fault, remedy
):
    fake_nix(tmp_path / "bin", monkeypatch, nix_build, nix_store)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (found,) = build.controller_faults(FLEET, ["tokyo"])
    assert found.path == "group_data/edge/mesh/nodes/tokyo/build"
    assert found.fault.startswith(fault)
    assert found.remedy.startswith(remedy)
    assert 'or say build = "hub"' in found.remedy


@pytest.mark.parametrize(
    "said",
    ["error: builder for '/nix/store/x.drv' failed with exit code 1", "Reason: builder failed with exit code 1."],
)
def test_a_sandbox_without_a_shell_is_a_place_to_build(tmp_path, monkeypatch, said):
    fake_nix(tmp_path / "bin", monkeypatch, f'echo "{said}" >&2; exit 1', "exit 0")
    assert build.controller_faults(FLEET, ["tokyo"]) == []


def test_a_controller_that_builds_for_nobody_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.controller_faults(FLEET, []) == []


def test_a_path_of_nixpkgs_that_only_the_nodes_have_is_named(tmp_path, monkeypatch):
    fake_nix(tmp_path / "bin", monkeypatch, "exit 0", "exit 0")
    fleet = FLEET.model_copy(update={"controller_nixpkgs": ""})
    (found,) = build.controller_faults(fleet, ["tokyo"])
    assert str(found) == (
        "group_data/edge/mesh/controller_nixpkgs: Nixpkgs is to come from /usr/share/nowhere, which is not on the "
        "controller; name a path or an URL that it has"
    )
    assert build.nixpkgs(mesh()) == "channel:nixos-26.05"


class Target:
    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize(("reasons", "asked"), [({GENERATION: "never run"}, ["tokyo"]), ({}, [])])
def test_the_controllers_nix_is_asked_for_when_a_generation_is_due(monkeypatch, reasons, asked):
    """A fleet that is as declared can be looked at by a machine that has no Nix."""
    seen = []
    monkeypatch.setattr(start, "controller_faults", lambda fleet, names: seen.extend(names) or [])
    monkeypatch.setattr(start, "due", lambda desired, state: reasons)
    monkeypatch.setattr(host_state, "_known", {})
    names = ("zurich", "tokyo", "newjersey")
    wanted = {name: {TASK: edge(node(name), keys(FLEET), VALUES)} for name in names}
    for name in names:
        host_state.remember(Target(name), {TASK: []})
    assert start._builder_faults(estate_of(), [Target(name) for name in names], wanted) == []
    assert seen == asked
