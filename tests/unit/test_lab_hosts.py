"""The table of lab hosts."""

import ipaddress

import pytest

from lab.hosts import CONTROLLER, HOSTS, MAINFRAME, SUBNET, by_name, select


def test_names_addresses_and_containers_are_unique() -> None:
    for field in ("name", "address", "container"):
        values = [getattr(host, field) for host in HOSTS]
        assert len(values) == len(set(values)), field


def test_addresses_lie_in_the_network_and_leave_the_controller_alone() -> None:
    network = ipaddress.ip_network(SUBNET)
    for host in HOSTS:
        assert ipaddress.ip_address(host.address) in network
        assert host.address != CONTROLLER


def test_the_default_profile_has_one_of_everything() -> None:
    assert [host.name for host in select("default")] == [
        "mainframe",
        "vps",
        "dl380p",
        "omv",
        "zurich",
        "tokyo",
        "amsterdam",
    ]


def test_the_full_profile_has_sixteen_edge_nodes_and_six_homelab_containers() -> None:
    groups = [host.group for host in select("full")]
    assert groups.count("edge") == 16
    assert groups.count("homelab") == 6
    assert groups.count("proxmox") == 2
    assert len(groups) == 27


@pytest.mark.parametrize(
    ("name", "container", "address"),
    [
        ("mainframe", "estate-lab-mainframe", MAINFRAME),
        ("newjersey", "estate-lab-newjersey", "10.99.0.103"),
        ("dubai", "estate-lab-dubai", "10.99.0.116"),
    ],
)
def test_hosts_have_their_container_and_address(name: str, container: str, address: str) -> None:
    host = by_name(name)
    assert host is not None
    assert (host.container, host.address) == (container, address)


def test_the_homelab_is_on_the_proxmox_nodes_and_not_in_the_machines_engine() -> None:
    contained = [host for host in HOSTS if not host.is_machine]
    assert [(host.name, host.address) for host in contained] == [
        ("postgres", "10.99.0.41"),
        ("authentik", "10.99.0.42"),
        ("n8n", "10.99.0.43"),
        ("rustdesk", "10.99.0.44"),
        ("monitoring", "10.99.0.45"),
        ("obsidian", "10.99.0.46"),
    ]


def test_an_unknown_name_is_no_host() -> None:
    assert by_name("nowhere") is None
