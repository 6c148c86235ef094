"""What it takes to have every node: what is ordered, adopted, waited for and refused, and what an order says."""

import base64
import json

import pytest
from small_fleet import KEY, fleet, mesh, node

from estate.edge.provision import Fleet, Seen, order, outline, route_of, tag, user_data
from estate.models.cloud import Machine, Plan
from estate.models.edge import Provisioning

ALL = frozenset({"nrt", "lhr", "ewr"})
PLANS = {
    plan.id: plan
    for plan in (
        Plan("vc2-1c-1gb", 1024, 25, 5, ALL),
        Plan("vc2-1c-2gb", 2048, 55, 10, ALL),
        Plan("vc2-1c-0.5gb", 512, 10, 3.5, frozenset({"ewr"})),
        Plan("vc2-1c-0.5gb-v6", 512, 10, 2.5, frozenset({"ewr"})),
        Plan("vc2-1c-1gb-sc1", 1024, 25, 7.5, frozenset({"sao"})),
    )
}
FREE = dict.fromkeys(("nrt", "lhr", "ewr", "sao"), frozenset(PLANS))


def seen(*machines, **over):
    return Seen(**{"plans": PLANS, "free": FREE, "machines": machines, "records": ()} | over)


def machine(label, **over):
    values = {"tags": frozenset({"estate-edge.test"}), "region": "nrt", "plan": "vc2-1c-1gb", "address": "192.0.2.7"}
    return Machine(**{"id": f"id-{label}", "label": label, "ready": True} | values | over)


def row(found, name="tokyo"):
    return next(row for row in found.rows if row.node.name == name)


def test_what_is_missing_is_ordered_and_what_is_adopted_is_left_alone():
    found = outline(fleet(), seen())
    assert [(r.node.name, r.action) for r in found.rows] == [
        ("zurich", "adopt"),
        ("tokyo", "create"),
        ("london", "create"),
    ]
    assert (found.fleet_total, found.pending, found.faults) == (10, True, ())
    assert [str(change) for change in found.dns.changes] == [
        "add zurich.edge.test A 192.0.2.1",
        "add tokyo.edge.test A (the address that it will get)",
        "add london.edge.test A (the address that it will get)",
    ]


def test_when_all_is_there_nothing_is_pending():
    there = seen(machine("tokyo"), machine("london", region="lhr"), records=None)
    found = outline(fleet(), there)
    assert [r.action for r in found.rows] == ["adopt", "nothing", "nothing"]
    assert (found.pending, found.faults, row(found).address) == (False, (), "192.0.2.7")


@pytest.mark.parametrize("over", [{"ready": False}, {"address": ""}])
def test_a_machine_that_does_not_run_yet_is_waited_for(over):
    found = outline(fleet(), seen(machine("tokyo", **over)))
    assert (row(found).action, row(found).address) == ("wait", "")


@pytest.mark.parametrize(
    ("plan", "region", "said"),
    [
        ("vc2-1c-0.5gb-v6", "ewr", "has no IPv4 address"),
        ("vc2-1c-0.5gb", "nrt", "is too small to become NixOS by itself"),
        ("vc2-1c-1gb", "sao", "is not sold in sao"),
        ("vc2-1c-1g", "nrt", "Vultr sells no vc2-1c-1g"),
        ("vx1-g-2c-8g", "nrt", "Vultr sells no"),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_a_remedy(plan, region, said):
    found = outline(fleet(node("tokyo", 2, plan=plan, region=region)), seen())
    assert row(found).action == "refused"
    assert any(said in fault.fault for fault in found.faults), found.faults
    assert all(fault.remedy for fault in found.faults)


def test_the_refusal_names_what_the_region_sells_instead():
    found = outline(fleet(node("saopaulo", 2, region="sao")), seen())
    assert found.faults[0].remedy == "the cheapest that sao has: vc2-1c-1gb-sc1"


def test_sold_out_is_refused_and_not_knowing_is_a_note():
    out = outline(fleet(), seen(free={"nrt": frozenset()}))
    assert "sold out in nrt now" in row(out).faults[0].fault
    assert row(out, "london").notes == ("whether it is free there now is not known",)
    assert row(out, "london").action == "create"


def test_without_ipv4_is_refused_with_no_provider_in_reach():
    found = outline(fleet(node("tokyo", 2, plan="vc2-1c-0.5gb-v6")), Seen())
    assert row(found).action == "refused"


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        ([machine("tokyo"), machine("tokyo", id="id-2")], "2 machines: id-tokyo, id-2"),
        ([machine("tokyo", tags=frozenset())], "is not of this fleet"),
        ([machine("tokyo", tags=frozenset({"estate-other.test"}))], "is not of this fleet"),
        ([machine("tokyo", region="lhr")], "is nrt, but the machine has lhr"),
        ([machine("tokyo", plan="vc2-1c-2gb")], "is vc2-1c-1gb, but the machine has vc2-1c-2gb"),
    ],
)
def test_a_machine_that_is_not_as_declared_is_a_fault_and_none_is_ordered_beside_it(machines, said):
    found = outline(fleet(), seen(*machines))
    assert (row(found).action, said in row(found).faults[0].fault) == ("refused", True)


def test_a_twin_without_our_tag_does_not_count():
    found = outline(fleet(), seen(machine("tokyo"), machine("tokyo", id="x", tags=frozenset())))
    assert row(found).action == "nothing"


def test_a_declared_address_that_is_another_is_a_fault():
    found = outline(fleet(node("tokyo", 2, address="192.0.2.99")), seen(machine("tokyo")))
    assert row(found).faults[0].path == "group_data/edge/nodes/tokyo/address"


def test_machines_of_no_declared_node_are_named():
    found = outline(fleet(), seen(machine("oslo"), machine("other", tags=frozenset())))
    assert [stray.label for stray in found.undeclared] == ["oslo"]


@pytest.mark.parametrize(("budget", "faults"), [(10, 0), (9.99, 1)])
def test_the_budget_holds_for_the_whole_fleet(budget, faults):
    found = outline(fleet(budget=budget), seen())
    assert len(found.faults) == faults
    assert len(found.of({"tokyo"}).faults) == faults


def test_a_price_of_its_own_goes_before_the_plans_and_an_unknown_one_is_said():
    mine = Fleet(mesh(node("tokyo", 2, price=4), node("dubai", 3, provider="hostkey", plan="vps")), (KEY,))
    found = outline(mine, seen())
    assert (found.fleet_total, found.unpriced) == (4, ("dubai",))
    priced = outline(Fleet(mine.mesh, mine.keys, prices={"vps": 8}), seen())
    assert (priced.fleet_total, priced.unpriced) == (12, ())


def test_without_a_token_the_machines_are_not_known_and_what_is_against_them_is():
    nodes = (node("tokyo", 2), node("london", 3, region="sao"))
    found = outline(fleet(*nodes), seen(machines=None))
    assert [r.action for r in found.rows] == ["adopt", "unknown", "refused"]
    assert found.pending


def test_an_adopted_node_without_an_address_gets_no_record():
    adopted = node("dubai", 2, provider="hostkey", plan="vps", price=8)
    found = outline(fleet(adopted), seen())
    assert [change.node for change in found.dns.changes] == ["zurich"]
    assert "no address is declared" in row(found, "dubai").notes[1]


def test_a_part_of_the_fleet_is_what_concerns_it_alone():
    found = outline(fleet(node("tokyo", 2), node("london", 3, region="sao")), seen()).of({"tokyo"})
    assert [r.node.name for r in found.rows] == ["tokyo"]
    assert (found.faults, [change.node for change in found.dns.changes]) == ((), ["tokyo"])


@pytest.mark.parametrize(
    ("plan", "settings", "plans", "route"),
    [
        ("vc2-1c-1gb", {}, PLANS, "infect"),
        ("vc2-1c-1gb", {}, None, "infect"),
        ("vc2-1c-1gb", {"route": "image"}, PLANS, "image"),
        ("vc2-1c-0.5gb", {}, PLANS, "image"),
        ("vc2-1c-0.5gb", {}, None, "image"),
    ],
)
def test_a_small_machine_comes_from_an_image(plan, settings, plans, route):
    assert route_of(Provisioning(**settings), node("tokyo", 2, plan=plan), plans) == route


@pytest.mark.parametrize(("debian", "number"), [(12, 2136), (13, 2625)])
def test_an_order_names_debian_our_keys_label_and_tag(debian, number):
    mine = fleet(provisioning=Provisioning(debian=debian))
    body = order(mine, row(outline(mine, seen())), ["k1"])
    data = base64.b64decode(body.pop("user_data")).decode()
    assert data == user_data((KEY,))
    assert body == {
        **{"region": "nrt", "plan": "vc2-1c-1gb", "label": "tokyo", "hostname": "tokyo"},
        **{"tags": ["estate-edge.test"], "os_id": number, "sshkey_id": ["k1"], "backups": "disabled"},
        **{"enable_ipv6": False, "ddos_protection": False, "activation_email": False},
    }


def test_an_order_from_the_image_names_the_snapshot_and_no_key():
    mine = fleet(node("newjersey", 2, plan="vc2-1c-0.5gb", region="ewr"), provisioning=Provisioning(snapshot="snap-1"))
    found = outline(mine, seen())
    body = order(mine, row(found, "newjersey"), [])
    assert found.faults == ()
    assert (body["snapshot_id"], {"os_id", "user_data", "sshkey_id"} & body.keys()) == ("snap-1", set())


def test_first_boot_lets_root_in_by_key_and_does_nothing_else():
    head, _, text = user_data((KEY, 'ssh-ed25519 BBBB "quoted: #1"')).partition("\n")
    assert head == "#cloud-config"
    assert json.loads(text) == {
        **{"disable_root": False, "ssh_pwauth": False, "package_update": False, "package_upgrade": False},
        "users": [
            {
                "name": "root",
                "lock_passwd": False,
                "ssh_authorized_keys": [KEY, 'ssh-ed25519 BBBB "quoted: #1"'],
            }
        ],
    }


def test_two_fleets_have_two_tags():
    assert tag(mesh()) != tag(mesh(domain="lab.edge.test"))
