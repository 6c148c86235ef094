"""A new WireGuard key for a spoke: whatever step is cut off, the node stays reachable and a second run finishes."""

from types import SimpleNamespace

import pytest
from edge_fleet import keys, mesh, public_key

from estate.edge.keys import load_keys, save_keys
from estate.models.faults import EstateFaults, Fault
from estate.remote import Outcome
from estate.rollout import rotate

OLD, NEW = public_key("tokyo"), public_key("made on the node")
STEPS = {
    "make": rotate.MAKE,
    "use": rotate.USE,
    "keep": rotate.KEEP,
    "expect": rotate.EXPECT,
    "move": rotate.MOVE,
    "forget": rotate.FORGET,
    "shaken": rotate.SHAKEN,
}


class World:
    """A hub and a spoke, as far as keys go."""

    def __init__(self):
        self.running, self.kept, self.following = OLD, OLD, ""
        self.peers = {OLD: True}
        """The hub's peers of the spoke, and which of them has the address."""
        self.cut_before = self.cut_after = ""
        self.done = []
        self.shakes = True

    def reachable(self):
        return self.peers.get(self.running, False)

    def time_passes(self):
        """The node's timer: what was not kept is taken back."""
        self.running = self.kept

    def run(self, name, ssh, text, **_):
        step = next((word for word, script in STEPS.items() if text.endswith(script)), "look")
        if name == "tokyo" and not self.reachable():
            raise EstateFaults([Fault(name, "unreachable")])
        if step == self.cut_before:
            raise KeyboardInterrupt
        words = dict(line.split("=", 1) for line in text.splitlines()[:6] if "=" in line)
        said = getattr(self, step)(words.get("NEXT", "").strip("'"), words.get("TO", "").strip("'"))
        self.done.append(step)
        if step == self.cut_after:
            raise KeyboardInterrupt
        return Outcome(*said) if isinstance(said, tuple) else Outcome(0, said or "", "")

    def look(self, new, to):
        return ""

    def make(self, new, to):
        if new and self.running == self.kept == new:
            return f"done {new}"
        self.following = self.following or NEW
        return f"next {self.following}"

    def expect(self, new, to):
        self.peers.setdefault(new, False)

    def use(self, new, to):
        self.running = self.following

    def shaken(self, new, to):
        return "1700000000" if self.shakes and new in self.peers else "0"

    def move(self, new, to):
        self.peers = {key: key == to for key in {*self.peers, to}}

    def forget(self, new, to):
        self.peers.pop(new, None)

    def keep(self, new, to):
        if self.running != new:
            return 1, "", "it uses the old key again"
        self.kept, self.following = self.running, ""


@pytest.fixture
def world(tmp_path, monkeypatch):
    found = World()
    found.path = tmp_path / "keys"
    save_keys(found.path, keys())
    monkeypatch.setattr(rotate, "keys_path", lambda _: found.path)
    monkeypatch.setattr(rotate, "run_as_root", found.run)
    monkeypatch.setattr(rotate, "HANDSHAKE", 0.2)
    monkeypatch.setattr(rotate.time, "sleep", lambda _: None)
    return found


def run_rotation():
    fleet = mesh()
    estate = SimpleNamespace(name="test", ssh={"tokyo": None, "zurich": None})
    rotate.Rotation(estate, fleet, fleet.node("tokyo"), lambda *_: None).run()


def is_rotated(world):
    pinned = load_keys(world.path)
    return (
        world.running == world.kept == pinned.nodes["tokyo"] != OLD
        and world.reachable()
        and "tokyo" not in pinned.following
    )


def test_the_old_peer_stays_until_the_new_key_has_shaken_hands(world):
    run_rotation()
    assert is_rotated(world)
    assert world.done.index("expect") < world.done.index("use") < world.done.index("shaken") < world.done.index("move")
    assert OLD in world.peers, "forgetting it is the deploy's"


@pytest.mark.parametrize("moment", ["cut_before", "cut_after"])
@pytest.mark.parametrize("step", ["make", "expect", "use", "shaken", "move", "keep"])
def test_cut_off_anywhere_a_second_run_finishes(world, step, moment):
    setattr(world, moment, step)
    with pytest.raises(KeyboardInterrupt):
        run_rotation()
    setattr(world, moment, "")
    world.time_passes()
    run_rotation()
    assert is_rotated(world)


def test_without_a_handshake_nothing_has_changed_but_a_word(world):
    world.shakes = False
    with pytest.raises(EstateFaults, match="no handshake"):
        run_rotation()
    world.time_passes()
    assert world.reachable()
    assert load_keys(world.path).nodes["tokyo"] == OLD
    assert world.peers == {OLD: True}


def test_the_hubs_own_key_is_refused(world):
    fleet = mesh()
    with pytest.raises(EstateFaults, match="is the hub"):
        rotate.rotate(SimpleNamespace(mesh=fleet), None, [fleet.hub], lambda *_: None)
