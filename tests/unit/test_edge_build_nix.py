"""A generation that the controller builds, with Nix itself: two stores, in directories of the test's own."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from edge_builds import FLEET, VALUES, Hub, estate_of, node, publish
from edge_fleet import keys
from nixpkgs_eval import STAND_IN

from estate.models.desired import STATE_DIR
from estate.models.faults import EstateFaults
from estate.remote import Outcome
from estate.render.edge import DEPOT, edge, wanted_of
from estate.rollout import build


def nix_works(store):
    environment = os.environ | store
    argv = ["nix-build", "--no-out-link", "-E", build._TRIAL]
    try:
        return subprocess.run(argv, env=environment, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def stores(tmp_path, monkeypatch):
    """The controller's store; a hub's, in a root of its own, where the same paths are those of other directories."""
    store = {
        "NIX_STORE_DIR": f"{tmp_path}/nix/store",
        "NIX_STATE_DIR": f"{tmp_path}/nix/var",
        "NIX_LOG_DIR": f"{tmp_path}/nix/log",
        "NIX_CONFIG": "sandbox = false\nbuild-users-group =\nsubstitute = false\n",
    }
    if not nix_works(store):
        pytest.skip("Nix cannot build on this machine (Debian: nix-bin)")
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    return tmp_path


class Machine(Hub):
    """A hub that does what it is told, its directories below `root`."""

    def __init__(self, root):
        super().__init__()
        self.root = root
        (root / "hub").mkdir()
        self.store = {"NIX_REMOTE": f"local?root={root}/hub", "HOME": str(root)}
        self.nix("nix-store", "--init")
        key = self.nix(
            "nix", "--extra-experimental-features", "nix-command", "key", "generate-secret", "--key-name", "k"
        )
        self.at("/var/lib/estate").mkdir(parents=True)
        self.at("/var/lib/estate/depot-key").write_text(key)

    def at(self, path):
        return self.root / "hub" / path.lstrip("/")

    def nix(self, *argv):
        return subprocess.run(argv, env=os.environ | self.store, capture_output=True, text=True, check=True).stdout

    def run_as_root(self, name, ssh, script, *, stdin="", timeout=120, wait=10):
        self.told.append((name, script, stdin))
        here = script.replace("/var/lib/estate", str(self.at("/var/lib/estate")))
        here = here.replace("/run/estate", str(self.at("/run/estate")))
        argv = ["sh", "-c", here]
        done = subprocess.run(argv, env=os.environ | self.store, input=stdin, capture_output=True, text=True)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def send_file(self, name, ssh, source, target, digest, timeout=900):
        super().send_file(name, ssh, source, target, digest, timeout)
        assert stat.S_IMODE(Path(source).parent.stat().st_mode) == 0o700
        self.at(target).parent.mkdir(parents=True, exist_ok=True)
        self.at(target).write_bytes(Path(source).read_bytes())


def test_what_the_controller_builds_the_hub_imports_signs_and_keeps(stores, monkeypatch):
    there, mine = Machine(stores).install(monkeypatch), node()
    publish(mine)
    digest = wanted_of(mine, keys(FLEET)).configuration
    system = there.at(f"{DEPOT}/systems/{digest}").read_text().strip()
    in_hub = there.at("/nix/store") / Path(system).name
    assert (in_hub / "etc/estate/configuration").read_text().strip() == digest
    info = there.at(f"{DEPOT}/cache") / f"{Path(system).name[:32]}.narinfo"
    assert "Sig: k:" in info.read_text()
    # Kept by a root, and nothing of a build of the hub's
    there.nix("nix-collect-garbage")
    assert system in there.nix("nix-store", "-qR", system).split()
    assert [path.name for path in there.at(f"{STATE_DIR}/builds/tokyo").iterdir()] == ["system"]
    assert not list(there.at(f"{STATE_DIR}/builds").glob(".*.closure"))


def test_the_second_time_only_what_is_new_is_sent(stores, monkeypatch):
    there = Machine(stores).install(monkeypatch)
    publish(node())
    slower = FLEET.model_copy(update={"keepalive": 20})
    publish(node(fleet=slower))
    first, second = (len(sent) for _, sent, _, _ in there.files)
    assert 0 < second < first / 2


def test_the_same_configuration_is_the_same_generation_wherever_it_is_built(stores):
    """The hub has its own copies of Nixpkgs and of the configuration, elsewhere: neither's place may be in a path."""
    copy = Path(shutil.copytree(STAND_IN, stores / "share" / "elsewhere"))
    files = build.configuration(edge(node(), keys(FLEET), VALUES))
    paths = set()
    for name, source in (("one", STAND_IN), ("two", copy)):
        mine = node(fleet=FLEET.model_copy(update={"controller_nixpkgs": str(source)}))
        (stores / name).mkdir()
        paths.add(build.build(mine, files, stores / name))
    assert len(paths) == 1


def test_the_hub_builds_the_same_and_what_it_built_gives_way(stores, monkeypatch):
    there, mine = Machine(stores).install(monkeypatch), node()
    # One store for both: in a root of its own Nix builds in a sandbox only, and the lab's Nixpkgs wants our sh
    there.store = {"HOME": str(stores), "NIX_PATH": f"nixpkgs={STAND_IN}"}
    files, wanted = build.configuration(edge(mine, keys(FLEET), VALUES)), wanted_of(mine, keys(FLEET))
    build.on_hub(estate_of(), mine, files, wanted)
    published, work = there.at(f"{DEPOT}/systems/{wanted.configuration}"), there.at(f"{STATE_DIR}/builds/tokyo")
    built = published.read_text().strip()
    assert {path.name for path in work.iterdir()} == {"configuration.nix", "estate.nix", "log", "modules", "system"}
    build.on_controller(estate_of(), mine, files, wanted)
    assert published.read_text().strip() == built
    assert there.files == []
    assert [path.name for path in work.iterdir()] == ["system"]


def test_a_generation_of_another_configuration_is_not_published(stores, monkeypatch):
    there, mine = Machine(stores).install(monkeypatch), node()
    desired, wanted = edge(mine, keys(FLEET), VALUES), wanted_of(node("newjersey"), keys(FLEET))
    with pytest.raises(EstateFaults, match="is of another configuration"):
        build.on_controller(estate_of(), mine, build.configuration(desired), wanted)
    assert list(there.at(f"{DEPOT}/systems").iterdir()) == []


def test_real_faults_of_a_configuration_are_shown(stores, monkeypatch):
    there, mine = Machine(stores).install(monkeypatch), node()
    files = build.configuration(edge(mine, keys(FLEET), VALUES))
    broken = tuple(
        type(file)(file.path, b"{ networking.firewal.enable = true; }") if file.path.endswith("/base.nix") else file
        for file in files
    )
    with pytest.raises(EstateFaults, match="does not exist"):
        build.on_controller(estate_of(), mine, broken, wanted_of(mine, keys(FLEET)))
    assert there.told == []
