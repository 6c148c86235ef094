"""The map and the table of the fleet: every node is on both, and nothing covers a name."""

from itertools import combinations
from xml.etree import ElementTree

import pytest
from edge_fleet import NODES, hub, mesh, spoke

from estate.edge.cities import CITIES
from estate.edge.continents import LAND
from estate.edge.fleet_map import HEIGHT, WIDTH, Box, dots, fleet_map, labels, point
from estate.edge.fleet_page import fleet_page
from estate.edge.inventory import declared_mesh
from estate.models.edge import Mesh
from estate.render.templates import ROOT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def fleet():
    return Mesh(**declared_mesh(ROOT))


def test_the_map_is_well_formed_and_the_same_every_time(fleet):
    assert fleet_map(fleet) == fleet_map(fleet)
    root = ElementTree.fromstring(fleet_map(fleet))  # noqa: S314 - our own
    assert "prefers-color-scheme: dark" in "".join(root.itertext())


def test_every_node_has_a_dot_a_title_and_a_tunnel(fleet):
    root = ElementTree.fromstring(fleet_map(fleet))  # noqa: S314
    groups = [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}title") is not None]
    titles = [group.findtext(f"{SVG}title") for group in groups]
    assert sorted(title.partition(":")[0] for title in titles) == sorted(fleet.public_name(n) for n in fleet.nodes)
    assert sum(group.find(f"{SVG}path") is not None for group in groups) == len(fleet.spokes)
    assert any("about 245 ms from Zurich" in title for title in titles)


def test_every_city_is_named_and_no_name_covers_another_or_a_dot(fleet):
    found = dots(fleet)
    names = labels(found)
    assert sorted(label.dot.city.name for label in names) == sorted(node.city for node in fleet.nodes)
    assert not [pair for pair in combinations([label.box for label in names], 2) if pair[0].meets(pair[1])]
    assert not [label for label in names for dot in found if label.box.meets(dot.box)]
    assert all(label.box.x > 0 and label.box.x + label.box.width < WIDTH for label in names)


def test_all_cities_are_on_the_picture():
    for city in CITIES.values():
        x, y = point(city.longitude, city.latitude)
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT


def test_land_is_where_the_picture_can_show_it():
    assert all(
        -170 <= longitude <= 190 and -56 <= latitude <= 83 for outline in LAND for longitude, latitude in outline
    )


def test_a_node_in_a_city_that_nobody_knows_is_named_below():
    root = fleet_map(mesh(nodes=(hub(), spoke("atlantis", 9, city="Atlantis"))))
    assert "not on it: atlantis" in root


def test_words_of_the_declaration_are_escaped():
    ElementTree.fromstring(fleet_map(mesh(nodes=(hub(), spoke("a", 9, city="<b>")))))  # noqa: S314


def test_a_fleet_of_the_hub_alone_is_drawn():
    assert fleet_map(mesh(nodes=(hub(),))).count("<title>") == 1


@pytest.mark.parametrize(("other", "meets"), [((5, 5, 2, 2), True), ((10, 0, 5, 5), False), ((0, 10, 5, 5), False)])
def test_boxes_that_only_touch_do_not_meet(other, meets):
    assert Box(0, 0, 10, 10).meets(Box(*other)) is meets


def test_the_table_has_every_node_and_what_all_cost():
    page = fleet_page(mesh())
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {node.name}" for node in NODES]
    assert "| zurich | Zurich | hostkey | `zrh` | `hostkey-vps` | 2048 MB | paid for | `10.84.0.1` |" in page
    assert "6 nodes, 36.00 of 100.00 USD a month" in page
