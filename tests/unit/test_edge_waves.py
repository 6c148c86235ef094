"""Waves, keys, plans and cities: the fleet's data and what follows from it."""

import stat

import pytest
from edge_fleet import CACHE, NODES, hub, keys, mesh, public_key, spoke

from estate.edge.cities import CITIES
from estate.edge.keys import Keys, keys_path, load_keys, parse_keys, save_keys
from estate.edge.plans import PLANS, REGIONS, price_of, upgrades
from estate.edge.waves import batches, wave_of, waves
from estate.models.edge import Rollout
from estate.models.faults import EstateFaults


def names(fleet):
    return [(name, [node.name for node in nodes]) for name, nodes in waves(fleet)]


def test_waves_are_canary_early_rest_and_the_hub_last():
    assert names(mesh()) == [
        ("canary", ["tokyo"]),
        ("early", ["newjersey"]),
        ("rest", ["dallas", "saopaulo", "dubai"]),
        ("hub", ["zurich"]),
    ]


def test_sixteen_nodes_are_one_four_ten_and_the_hub():
    fleet = mesh(nodes=(hub(), spoke(wave="canary"), *(spoke(f"n{i}", i) for i in range(3, 17))))
    assert [(name, len(nodes)) for name, nodes in waves(fleet)] == [
        ("canary", 1),
        ("early", 4),
        ("rest", 10),
        ("hub", 1),
    ]


@pytest.mark.parametrize("percent", [1, 25, 50, 100])
def test_every_node_is_in_exactly_one_wave(percent):
    fleet = mesh(rollout=Rollout(early=percent))
    assert sorted(node.name for _, nodes in waves(fleet) for node in nodes) == sorted(n.name for n in NODES)


def test_declared_waves_are_kept_and_order_is_that_of_the_list():
    fleet = mesh(nodes=(*NODES, spoke("late", 9, wave="early"), spoke("last", 10, wave="rest")))
    assert dict(names(fleet))["early"] == ["late"]
    assert dict(names(fleet))["rest"] == ["newjersey", "dallas", "saopaulo", "dubai", "last"]


def test_adding_a_spoke_at_the_end_moves_no_declared_canary():
    assert names(mesh(nodes=(*NODES, spoke("late", 9))))[0] == ("canary", ["tokyo"])


def test_a_hub_is_last_whatever_it_says():
    fleet = mesh(nodes=(hub(wave="canary"), *NODES[1:]))
    assert names(fleet)[-1] == ("hub", ["zurich"])
    assert wave_of(fleet, fleet.hub) == "hub"


def test_a_fleet_of_one_has_one_wave():
    assert names(mesh(nodes=(hub(),))) == [("hub", ["zurich"])]


@pytest.mark.parametrize(("at_once", "sizes"), [(1, [1] * 6), (4, [4, 2]), (6, [6]), (9, [6])])
def test_batches(at_once, sizes):
    found = list(batches(NODES, at_once))
    assert [len(batch) for batch in found] == sizes
    assert tuple(node for batch in found for node in batch) == NODES


def test_keys_come_back_as_they_were_written(tmp_path):
    pinned = keys().with_following("tokyo", public_key("tokyo 2"))
    path = tmp_path / "deep" / "prod.wireguard"
    save_keys(path, pinned)
    assert load_keys(path) == pinned
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [child.name for child in path.parent.iterdir()] == ["prod.wireguard"]


def test_keys_are_sorted_and_the_same_for_the_same_keys():
    backwards = Keys(dict(reversed(keys().nodes.items())), {}, CACHE)
    assert backwards.render() == keys().render()
    nodes = [line.split()[0] for line in keys().render().splitlines()[3:]]
    assert nodes == sorted(nodes)


def test_comments_and_empty_lines_are_allowed():
    text = f"# a comment\n\n  tokyo {public_key('tokyo')}  # the canary\n"
    assert parse_keys(text, "f").nodes == {"tokyo": public_key("tokyo")}


def test_no_file_is_no_keys(tmp_path):
    assert load_keys(tmp_path / "none") == Keys()


def test_all_faults_of_a_file_are_told_at_once():
    text = "\n".join(
        [
            f"tokyo {public_key('tokyo')}",
            f"tokyo {public_key('b')}",
            "dubai notakey",
            f"Bad_Name {public_key('c')}",
            "lonely",
            "cache notakey",
            f"tokyo {public_key('d')} soon",
        ]
    )
    with pytest.raises(EstateFaults) as error:
        parse_keys(text, "prod.wireguard")
    assert [fault.path for fault in error.value.faults] == [f"prod.wireguard:{line}" for line in range(2, 8)]


def test_a_settled_key_is_no_longer_the_next_one():
    moving = keys().with_following("tokyo", public_key("new"))
    assert moving.with_node("tokyo", public_key("new")).following == {}
    assert "tokyo" not in moving.without("tokyo").nodes | moving.without("tokyo").following


def test_the_labs_keys_go_with_the_lab():
    assert keys_path("lab").parts[-2:] == (".lab", "wireguard.keys")
    assert keys_path("prod").parts[-2:] == ("inventories", "prod.wireguard")


def test_every_way_up_leads_to_more_memory_and_ends():
    for name, plan in PLANS.items():
        steps = [plan.memory, *(step.memory for step in upgrades(name))]
        assert steps == sorted(steps)
        assert all(PLANS[step.id].provider == plan.provider for step in upgrades(name))


def test_sao_paulo_has_plans_of_its_own():
    assert not PLANS["vc2-1c-1gb"].sold_in("sao")
    assert PLANS["vc2-1c-1gb-sc1"].sold_in("sao")
    assert price_of(spoke(region="sao", plan="vc2-1c-1gb-sc1")) == 7.5


def test_plans_are_sold_in_regions_that_there_are():
    for plan in PLANS.values():
        assert plan.only_in | plan.not_in <= REGIONS[plan.provider].keys()


def test_sixteen_cities_on_the_globe():
    assert len(CITIES) == 16
    for city in CITIES.values():
        assert -90 < city.latitude < 90
        assert -180 < city.longitude < 180
        assert 0 < city.rtt < 400
