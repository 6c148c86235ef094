"""The fleet's DNS records: what is added, corrected and removed, and what is never touched."""

from dataclasses import replace

import pytest
from small_fleet import mesh

from estate.edge.dns import Conflict, diff, owner, removal, wanted
from estate.models.cloud import Record

MESH = mesh()
RIGHT = replace(wanted(MESH, "tokyo", "192.0.2.7"), id="r1")
OTHERS = Record("o1", "A", "tokyo.edge.test", "198.51.100.9", 1, proxied=True, comment="")


def said(addresses, *records):
    found = diff(MESH, addresses, records)
    return [str(change) for change in found.changes], [conflict.fault.fault for conflict in found.conflicts]


def test_a_record_is_dns_only_short_lived_and_marked():
    assert replace(RIGHT, id="") == Record(
        "", "A", "tokyo.edge.test", "192.0.2.7", 300, proxied=False, comment="estate:edge:tokyo"
    )


def test_what_is_right_stays():
    assert said({"tokyo": "192.0.2.7"}, RIGHT) == ([], [])


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"content": "192.0.2.8"}, "is 192.0.2.8"),
        ({"proxied": True}, "is proxied, which is a fault"),
        ({"ttl": 1}, "its TTL is 1"),
        ({"ttl": 60, "content": "192.0.2.8"}, "is 192.0.2.8, its TTL is 60"),
    ],
)
def test_what_differs_is_corrected_in_place(over, why):
    (change,) = diff(MESH, {"tokyo": "192.0.2.7"}, [replace(RIGHT, **over)]).changes
    assert (change.kind, change.why, change.record) == ("change", why, RIGHT)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("192.0.2.7", "add tokyo.edge.test A 192.0.2.7"),
        ("", "add tokyo.edge.test A (the address that it will get)"),
    ],
)
def test_what_is_missing_is_added(address, line):
    assert said({"tokyo": address}) == ([line], [])


def test_a_record_of_a_machine_that_is_not_there_yet_stays_but_for_the_proxy():
    assert said({"tokyo": ""}, RIGHT) == ([], [])
    (change,) = diff(MESH, {"tokyo": ""}, [replace(RIGHT, proxied=True)]).changes
    assert change.record == RIGHT


def test_of_two_of_ours_the_right_one_stays():
    wrong = replace(RIGHT, id="r0", content="192.0.2.8")
    assert said({"tokyo": "192.0.2.7"}, wrong, RIGHT) == (["remove tokyo.edge.test A 192.0.2.8 (a second one)"], [])


@pytest.mark.parametrize("kind", ["A", "AAAA", "CNAME", "NS", "HTTPS"])
def test_what_is_not_ours_is_reported_and_gets_nothing_beside_it(kind):
    other = replace(OTHERS, type=kind)
    found = diff(MESH, {"tokyo": "192.0.2.7"}, [other])
    assert (found.changes, found.conflicts) == ((), (Conflict("tokyo", other),))
    assert found.conflicts[0].fault.fault == f"has {kind} 198.51.100.9, proxied, which is not ours"


@pytest.mark.parametrize("kind", ["TXT", "MX", "CAA"])
def test_what_leads_nowhere_is_nobodys_business(kind):
    assert said({"tokyo": "192.0.2.7"}, RIGHT, replace(OTHERS, type=kind)) == ([], [])


def test_ours_is_corrected_even_beside_what_is_in_the_way():
    found = diff(MESH, {"tokyo": "192.0.2.7"}, [replace(RIGHT, proxied=True), OTHERS])
    assert ([change.kind for change in found.changes], len(found.conflicts)) == (["change"], 1)


def test_a_node_whose_address_nobody_knows_is_left_alone():
    assert said({}, RIGHT, OTHERS) == ([], [])


def test_a_record_of_a_node_that_is_declared_no_more_goes():
    old = replace(wanted(MESH, "oslo", "192.0.2.9"), id="r9")
    assert said({}, old) == (["remove oslo.edge.test A 192.0.2.9 (its node is declared no more)"], [])


@pytest.mark.parametrize(
    "over",
    [
        {"comment": ""},
        {"comment": "estate:edge:"},
        {"comment": "estate:edge:london"},
        {"comment": "tokyo"},
        {"comment": "estate:edge:tokyo "},
        {"name": "tokyo.lab.edge.test"},
        {"name": "edge.test"},
        {"type": "AAAA"},
        {"type": "CNAME"},
    ],
)
def test_only_mark_and_name_and_type_together_make_a_record_ours(over):
    assert owner(RIGHT, "edge.test") == "tokyo"
    assert owner(replace(RIGHT, **over), "edge.test") == ""
    assert removal(MESH, "tokyo", [replace(RIGHT, **over)]).changes == ()
    assert all(change.kind != "remove" for change in diff(MESH, {}, [replace(RIGHT, **over)]).changes)


def test_with_a_node_go_its_own_records_alone():
    others = [OTHERS, replace(wanted(MESH, "london", "192.0.2.8"), id="r2")]
    assert [change.record for change in removal(MESH, "tokyo", [RIGHT, *others]).changes] == [RIGHT]
