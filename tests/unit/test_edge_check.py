"""Every fault of a fleet is found, with its remedy; a sound fleet has none."""

import pytest
from edge_fleet import ADMIN_KEY, GLASS_KEY, NODES, hub, keys, laptop, mesh, public_key, spoke

from estate.checks.edge import check
from estate.edge.keys import Keys
from estate.models.edge import BreakGlass, Node, Rollout, Telemetry

WHERE = "group_data/edge/mesh"


def with_spoke(**over):
    """The fleet with a changed canary."""
    return {"nodes": (hub(), spoke(**{"wave": "canary"} | over), *NODES[2:])}


def glass(*key, sources=("192.0.2.0/24",)):
    return {"break_glass": BreakGlass(keys=key, sources=sources)}


def test_a_sound_fleet_has_no_fault():
    assert check(mesh(), keys(), WHERE, (ADMIN_KEY,)) == []


def test_a_node_whose_key_is_not_known_yet_is_no_fault():
    assert check(mesh(), Keys(), WHERE) == []


FAULTS = [
    ("name", with_spoke(name="dallas"), "nodes/dallas", "same name", "its own"),
    ("reserved", with_spoke(name="cache"), "nodes/cache", "signing key", "another name"),
    ("operator", {"operators": (laptop(name="dubai"),)}, "operators/dubai", "same name", "its own"),
    ("index", with_spoke(index=4), "nodes/dallas/index", "also that of tokyo", "next free one is 2"),
    (
        "operators",
        {"operators": (laptop(), laptop(name="b", public_key=public_key("b")))},
        "operators/b/index",
        "also that of laptop",
        "241",
    ),
    ("key", {"operators": (laptop(public_key=public_key("dubai")),)}, "keys/dubai", "operator laptop", "new pair"),
    (
        "operator key",
        {"operators": (laptop(), laptop(name="b", index=241))},
        "operators/b/public_key",
        "two operators",
        "each laptop",
    ),
    ("canary", with_spoke(wave=None), "nodes", "no spoke is the canary", 'wave = "canary"'),
    ("early hub", {"nodes": (hub(wave="early"), *NODES[1:])}, "nodes/zurich/wave", 'in wave "early"', "comes last"),
    ("canary hub", {"nodes": (hub(wave="canary"), *NODES[1:])}, "nodes/zurich/wave", "the hub is in", "comes last"),
    ("spoke as hub", {"nodes": (*NODES, spoke("x", 9, wave="hub"))}, "nodes/x/wave", "not the hub", "rest"),
    ("plan", with_spoke(plan="vx1-512"), "nodes/tokyo/plan", 'no plan "vx1-512"', "choose one of"),
    ("spelling", with_spoke(plan="vc2-1c-1g"), "nodes/tokyo/plan", "no plan", "did you mean vc2-1c-1gb?"),
    ("provider", with_spoke(plan="hostkey-vps"), "nodes/tokyo/plan", "vultr has no plan", "choose one of"),
    ("region", with_spoke(region="nrtt"), "nodes/tokyo/region", 'no region "nrtt"', "did you mean nrt?"),
    ("not sold", with_spoke(plan="vc2-1c-0.5gb"), "nodes/tokyo/plan", "not sold in nrt", "vc2-1c-1gb"),
    ("sao", with_spoke(region="sao"), "nodes/tokyo/plan", "not sold in sao", "vc2-1c-1gb-sc1"),
    ("ipv6", with_spoke(region="ewr", plan="vc2-1c-0.5gb-v6"), "nodes/tokyo/plan", "no IPv4", "vc2-1c-0.5gb"),
    ("memory", with_spoke(build="node"), "nodes/tokyo/build", "too few to evaluate", "hub"),
    (
        "small hub",
        {"nodes": (hub(provider="vultr", region="fra", plan="vc2-1c-1gb"), *NODES[1:])},
        "nodes/zurich/plan",
        "for the others",
        "larger plan",
    ),
    ("budget", {"budget": 20}, "budget", "36.00 USD a month, 16.00 more", "dearest is dallas (12.00)"),
    (
        "certificates",
        {"nodes": (*NODES, *(spoke(f"n{i}", i, price=0) for i in range(10, 60)))},
        "nodes",
        "56 nodes want",
        "several weeks",
    ),
    ("glass sources", glass(GLASS_KEY, sources=()), "break_glass/sources", "nobody may use", "name networks"),
    ("glass keys", glass(), "break_glass/keys", "no key", "ssh-keygen"),
    ("glass key form", glass("ssh-rsa AAAA"), "break_glass/keys", "not an ed25519", "ssh-keygen"),
    ("glass everyday", glass(f"{ADMIN_KEY} b"), "break_glass/keys", "used every day", "offline"),
    ("glass internet", glass(GLASS_KEY, sources=("0.0.0.0/0",)), "break_glass/sources", "too much", "smaller"),
    ("subnet", {"subnet": "10.84.0.0/25"}, "subnet", "no address with index 240", "/24"),
    ("public subnet", {"subnet": "8.8.8.0/24"}, "subnet", "somebody's", "10.0.0.0/8"),
    ("endpoint port", {"endpoint": "hub.example.org:51820"}, "endpoint", "neither", "port out"),
    ("endpoint slip", {"endpoint": "10.0.0.300"}, "endpoint", "neither", "port out"),
    ("endpoint inside", {"endpoint": "10.84.0.1"}, "endpoint", "inside the mesh", "public address"),
    ("at once", {"rollout": Rollout(at_once=6)}, "rollout/at_once", "all 6 nodes", "say 1"),
    ("revert", {"rollout": Rollout(revert_after=60)}, "rollout/revert_after", "before its health", "more than"),
    ("alarms", {"telemetry": Telemetry(sev2_after=40)}, "telemetry", "every 30 s", "two pushes"),
]


@pytest.mark.parametrize(("over", "path", "fault", "remedy"), [row[1:] for row in FAULTS], ids=[r[0] for r in FAULTS])
def test_a_fault_is_found_with_its_remedy(over, path, fault, remedy):
    fleet = mesh(**over)
    found = check(fleet, keys(), WHERE, (ADMIN_KEY,))
    matching = [item for item in found if item.path == f"{WHERE}/{path}"]
    # "tokyo" is gone from a fleet that renames it, which is a fault of the keys alone
    others = [item for item in found if item not in matching and not item.path.endswith("/keys/tokyo")]
    assert others == []
    assert any(fault in item.fault and remedy in item.remedy for item in matching), found


def test_the_key_of_a_node_that_was_taken_out_is_no_fault():
    assert check(mesh(), keys().with_node("gone", public_key("gone")), WHERE) == []


def test_a_key_that_two_nodes_have_is_found_also_among_the_next_ones():
    assert [item.fault for item in check(mesh(), keys().with_node("tokyo", public_key("dubai")), WHERE)] == [
        "dubai has the same key"
    ]
    following = keys().with_following("tokyo", public_key("dallas"))
    assert [item.path for item in check(mesh(), following, WHERE)] == [f"{WHERE}/keys (next)/tokyo"]


def test_all_faults_are_told_at_once():
    fleet = mesh(subnet="8.8.8.0/24", budget=1, endpoint="a b")
    assert len(check(fleet, keys(), WHERE)) == 3


def test_a_lone_hub_is_a_fleet():
    alone = mesh(nodes=(hub(),), operators=())
    assert check(alone, keys(alone), WHERE) == []


def test_a_small_hub_will_do_when_the_controller_builds_for_all():
    small = {"provider": "vultr", "region": "fra", "plan": "vc2-1c-1gb", "price": None, "build": "controller"}
    others = tuple(node.model_copy(update={"build": "controller"}) for node in NODES[1:])
    assert check(mesh(nodes=(hub(**small), *others)), keys(), WHERE) == []
    # What it builds for itself would be too much for it as well
    (found,) = check(mesh(nodes=(hub(**small | {"build": "hub"}), *others)), keys(), WHERE)
    assert found.path == f"{WHERE}/nodes/zurich/plan"


def test_a_price_of_its_own_counts():
    dear = (*NODES[:5], Node(**NODES[5].model_dump() | {"price": 90.0}))
    assert [item.path for item in check(mesh(nodes=dear), keys(), WHERE)] == [f"{WHERE}/budget"]
