"""Rotation: in every way it can fail or be cut off, one value is in force everywhere in the end."""

import pytest

from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets.rotate import Proof, Rotate, refusal
from estate.secrets.sealed import Sealed

SPEC = SecretSpec(name="TOKEN", kind=SecretKind.PASSWORD, purpose="x")
HASH = SecretSpec(name="TOKEN", kind=SecretKind.ARGON2, purpose="x")
OLD, NEW = "old-value-0123456789", "new-value-0123456789"


def fault(text):
    return EstateFaults([Fault("x", text)])


class World:
    """Infisical, the deployed service, and what is to go wrong: (step, how often it has been called)."""

    def __init__(self, *, break_at=(), still_old=False, changes=()):
        self.store, self.service = {"TOKEN": OLD}, OLD
        self.break_at, self.still_old, self.changes = set(break_at), still_old, list(changes)
        self.calls = []

    def _call(self, step):
        self.calls.append(step)
        if (step, self.calls.count(step)) in self.break_at:
            raise fault(f"{step} broke")

    def pending(self):
        return self.changes

    def write(self, values):
        self._call("write")
        self.store |= values

    def deploy(self, *, sealed=False):
        self._call("deploy sealed" if sealed else "deploy")
        self.service = self.store["TOKEN"] if not sealed else OLD

    def works(self, name, value, *, patient=True):
        self._call("works")
        let_in = value == self.service or (self.still_old and value == OLD)
        return Proof(let_in, "" if let_in else "it answered with 401")


class Interrupted(BaseException):
    """The operator's Ctrl-C."""


def rotation(world, sealed=None, saved=None):
    sealed = sealed or Sealed(estate="test")
    if not sealed.secrets:
        sealed.put({"TOKEN": OLD})
    saved = saved if saved is not None else []
    return sealed, Rotate(sealed, lambda s: saved.append(s.model_copy(deep=True)), world, lambda text: None)


def new():
    return {"TOKEN": NEW}


def test_the_new_value_is_everywhere_and_nothing_is_left_over():
    world = World()
    sealed, rotate = rotation(world)
    rotate.run([SPEC], new)
    assert (world.store["TOKEN"], world.service, sealed.values()["TOKEN"]) == (NEW, NEW, NEW)
    assert sealed.rotation is None


@pytest.mark.parametrize(
    ("world", "cause"),
    [
        (World(break_at=[("write", 1)]), "write broke"),
        (World(break_at=[("deploy", 1)]), "deploy broke"),
        (World(break_at=[("works", 2)]), "works broke"),
        (World(still_old=True), "the old value still works"),
        (World(break_at=[("deploy", 1), ("write", 2)]), "deploy broke"),
    ],
    ids=["write", "deploy", "proof", "old still works", "Infisical itself is down"],
)
def test_whatever_fails_the_old_value_returns(world, cause):
    sealed, rotate = rotation(world)
    with pytest.raises(EstateFaults) as caught:
        rotate.run([SPEC], new)
    assert cause in str(caught.value)
    assert "the old value is in force again" in str(caught.value)
    assert (world.store["TOKEN"], world.service, sealed.values()["TOKEN"]) == (OLD, OLD, OLD)
    assert sealed.rotation is None
    assert NEW not in str(caught.value)
    assert OLD not in str(caught.value)


def test_when_the_way_back_fails_too_it_says_so_and_can_be_gone_on_with():
    world = World(break_at=[("deploy", 1), ("deploy", 2)])
    sealed, rotate = rotation(world)
    with pytest.raises(EstateFaults, match="NOT ROTATED, AND NOT RETURNED"):
        rotate.run([SPEC], new)
    assert sealed.rotation is not None
    Rotate(sealed, lambda s: None, world, lambda text: None).run([SPEC], lambda: {"TOKEN": "third"})
    assert (world.service, sealed.values()["TOKEN"], sealed.rotation) == (NEW, NEW, None)


@pytest.mark.parametrize("step", ["write", "deploy", "works"])
@pytest.mark.parametrize("count", [1, 2])
def test_interrupted_at_any_point_a_second_run_finishes_it(step, count):
    world, saved = World(), []
    plain = getattr(world, step)

    def cut(*arguments, **options):
        done = plain(*arguments, **options)
        if world.calls.count(step) == count:
            raise Interrupted
        return done

    setattr(world, step, cut)
    _, rotate = rotation(world, saved=saved)
    try:
        rotate.run([SPEC], new)
    except Interrupted:
        setattr(world, step, plain)
        sealed = saved[-1] if saved else rotation(world)[0]
        Rotate(sealed, lambda s: None, world, lambda text: None).run([SPEC], new)
        assert (world.store["TOKEN"], world.service, sealed.values()["TOKEN"]) == (NEW, NEW, NEW)
        assert sealed.rotation is None


def test_it_does_not_begin_while_other_changes_are_pending():
    sealed, rotate = rotation(World(changes=["update file x"]))
    with pytest.raises(EstateFaults, match="1 changes are pending"):
        rotate.run([SPEC], new)
    assert sealed.rotation is None


def test_it_does_not_begin_when_the_present_value_is_not_in_force():
    world = World()
    world.service = "something else"
    _, rotate = rotation(world)
    with pytest.raises(EstateFaults, match="is not the one in force"):
        rotate.run([SPEC], new)
    assert world.calls == ["works"]


def test_another_secret_waits_for_the_interrupted_one():
    _, rotate = rotation(World(break_at=[("deploy", 1), ("deploy", 2)]))
    with pytest.raises(EstateFaults):
        rotate.run([SPEC], new)
    other = SPEC.model_copy(update={"name": "OTHER"})
    with pytest.raises(EstateFaults, match="its rotation was interrupted"):
        rotate.run([other], lambda: {"OTHER": "x"})


def test_of_a_hash_the_password_behind_it_is_proven():
    asked = []
    world = World()
    world.works = lambda name, value, patient=True: Proof(
        asked.append(value) or value == ("p-old" if len(asked) == 1 else "p-new")
    )
    sealed = Sealed(estate="test")
    sealed.put({"TOKEN": "hash-old", "TOKEN_PLAIN": "p-old"})
    _, rotate = rotation(world, sealed)
    rotate.run([HASH], lambda: {"TOKEN": "hash-new", "TOKEN_PLAIN": "p-new"})
    assert asked == ["p-old", "p-new", "p-old"]
    assert sealed.values() == {"TOKEN": "hash-new", "TOKEN_PLAIN": "p-new"}


class Several(World):
    """A world with two secrets, each with a service of its own."""

    def __init__(self, **trouble):
        super().__init__(**trouble)
        self.store = {"TOKEN": OLD, "OTHER": OLD}
        self.service = dict(self.store)

    def deploy(self, *, sealed=False):
        self._call("deploy")
        self.service = dict(self.store)

    def works(self, name, value, *, patient=True):
        self._call("works")
        return Proof(value == self.service[name])


BOTH = [SPEC, SPEC.model_copy(update={"name": "OTHER"})]


def new_ones():
    return {"TOKEN": NEW, "OTHER": NEW}


def sealed_with_both():
    sealed = Sealed(estate="test")
    sealed.put({"TOKEN": OLD, "OTHER": OLD})
    return sealed


def test_several_are_rotated_with_one_deploy_and_each_is_proven():
    world = Several()
    sealed, rotate = rotation(world, sealed_with_both())
    rotate.run(BOTH, new_ones)
    assert world.service == sealed.values() == new_ones()
    assert world.calls.count("deploy") == 1
    assert world.calls.count("works") == 6


def test_when_one_of_several_fails_all_of_them_return():
    class Stubborn(Several):
        def deploy(self, *, sealed=False):
            super().deploy(sealed=sealed)
            self.service["OTHER"] = OLD

    world = Stubborn()
    sealed, rotate = rotation(world, sealed_with_both())
    with pytest.raises(EstateFaults, match="secrets/OTHER: the new value does not work") as caught:
        rotate.run(BOTH, new_ones)
    assert "secrets/OTHER TOKEN: not rotated" in str(caught.value)
    assert world.service == world.store == sealed.values() == {"TOKEN": OLD, "OTHER": OLD}
    assert sealed.rotation is None


def test_several_that_were_interrupted_are_finished_together():
    world = Several(break_at=[("deploy", 1), ("deploy", 2)])
    sealed, rotate = rotation(world, sealed_with_both())
    with pytest.raises(EstateFaults, match="estate secrets rotate OTHER TOKEN"):
        rotate.run(BOTH, new_ones)
    with pytest.raises(EstateFaults, match="its rotation was interrupted"):
        rotate.run([SPEC], new)
    rotate.run(BOTH[::-1], new_ones)
    assert world.service == sealed.values() == new_ones()


@pytest.mark.parametrize(
    ("spec", "provable", "reason"),
    [
        (None, True, "no service declares it"),
        (SPEC.model_copy(update={"fixed": "because"}), True, "because"),
        (SPEC, False, "no service declares how to prove it"),
        (SPEC, True, ""),
    ],
)
def test_what_cannot_be_rotated_says_why(spec, provable, reason):
    assert refusal(spec, "TOKEN", provable).startswith(reason)
