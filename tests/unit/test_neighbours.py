"""What hosts know of each other: addresses, databases, scrapes, and who may come in."""

import re
from pathlib import Path

import pytest
from factories import homelab, mainframe, settings

from estate import neighbours
from estate.inventory import load
from estate.models.host_parts import OpenPort
from estate.models.postgres import Database, PostgresSettings
from estate.models.service import Published
from estate.models.stack import Stack
from estate.render.compose import compose_service, networks
from estate.render.firewall import firewall, own_ports, resolved
from estate.render.node_exporter import node_exporter
from estate.services import CATALOG

PROD = load(Path(__file__).resolve().parents[2] / "inventories" / "prod.py")


def stack_of(*names, **changes):
    return Stack(settings=settings(), services=tuple(CATALOG[name].model_copy(update=changes) for name in names))


def rules(name):
    host, stack = PROD.hosts[name], PROD.stacks.get(name)
    text = next(f for f in firewall(host, stack).tree.files if f.path == "/etc/nftables.conf").content.decode()
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if "accept comment" in line]


def test_a_service_is_told_the_address_of_another_host_and_the_networks_of_a_service():
    stack = PROD.stacks["authentik"]
    definition = compose_service(stack, stack.service("authentik-server"))
    assert definition["environment"]["AUTHENTIK_POSTGRESQL__HOST"] == "10.20.0.41"
    # Whoever is not there is trusted by nobody: never "all private networks", which is Authentik's default
    assert networks(stack, "nobody") == ("127.0.0.1/32",)
    assert networks(stack, "couchdb") == ("10.20.0.46/32",)


def test_a_host_that_does_not_exist_is_a_fault_before_anything_is_rendered():
    spoilt = CATALOG["n8n"].model_copy(update={"environment": {"A": "@address:postgers@"}})
    hosts = {"postgres": homelab(name="postgres", postgres=PostgresSettings()), "n8n": homelab()}
    stacks = {"n8n": Stack(settings=settings(), services=(spoilt,))}
    found = [str(fault) for fault in neighbours.check(hosts, stacks, {"n8n": "inventories/prod/n8n"})]
    assert found == ["inventories/prod/n8n/services/n8n/environment: no host postgers; did you mean postgres?"]


def test_the_database_server_lets_in_exactly_the_hosts_whose_services_declare_a_database():
    served = PROD.hosts["postgres"].postgres.databases
    assert {d.name: dict(d.clients) for d in served} == {
        "authentik": {"authentik": "10.20.0.42"},
        "grafana": {"monitoring": "10.20.0.45"},
        "n8n": {"n8n": "10.20.0.43"},
    }
    roles = set(PROD.hosts["postgres"].secrets) - {"TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"}
    assert roles == {d.password.name for d in served}
    assert rules("postgres") == [
        'tcp dport 22 accept comment "ssh"',
        'ip saddr 10.20.0.42/32 tcp dport 5432 accept comment "PostgreSQL"',
        'ip saddr 10.20.0.43/32 tcp dport 5432 accept comment "PostgreSQL"',
        'ip saddr 10.20.0.45/32 tcp dport 5432 accept comment "PostgreSQL"',
        'ip saddr 10.20.0.45/32 tcp dport 9100 accept comment "node exporter"',
    ]


FAULTY = [
    ({"postgres": homelab(name="postgres")}, {}, "postgres has no PostgreSQL; give a homelab host postgres settings"),
    ({"postgres": homelab(name="postgres", postgres=PostgresSettings())}, {"secrets": ()}, "N8N_DB_PASSWORD is not"),
    (
        {"postgres": homelab(name="postgres", postgres=PostgresSettings())},
        {"database": Database(name="n8n", password="N8N_DB_PASSWORD", server="postgre")},
        "postgre has no PostgreSQL; did you mean postgres?",
    ),
]


@pytest.mark.parametrize(("servers", "changes", "expected"), FAULTY, ids=[row[2][:30] for row in FAULTY])
def test_a_database_that_cannot_be_is_refused(servers, changes, expected):
    hosts = {**servers, "n8n": homelab()}
    found = [str(f) for f in neighbours.check(hosts, {"n8n": stack_of("n8n", **changes)}, {"n8n": "x"})]
    assert any(expected in fault for fault in found), found


def test_a_client_that_is_a_name_needs_an_address_at_home():
    hosts = {"postgres": homelab(name="postgres", postgres=PostgresSettings()), "n8n": homelab(address="n8n.home.arpa")}
    stacks = {"n8n": stack_of("n8n")}
    assert any("home_address" in str(f) for f in neighbours.check(hosts, stacks, {"n8n": "x"}))
    hosts["n8n"] = homelab(address="n8n.home.arpa", home_address="192.0.2.43")
    assert neighbours.check(hosts, stacks, {"n8n": "x"}) == []


def test_two_services_do_not_share_a_database_by_accident():
    hosts = {
        "postgres": homelab(name="postgres", postgres=PostgresSettings()),
        "n8n": homelab(),
        "two": homelab(name="two", address="192.0.2.44"),
    }
    other = CATALOG["hl-grafana"].model_copy(
        update={"database": Database(name="n8n", password="HL_GRAFANA_DB_PASSWORD")}
    )
    stacks = {"n8n": stack_of("n8n"), "two": Stack(settings=settings(), services=(other,))}
    found = [str(f) for f in neighbours.check(hosts, stacks, {"n8n": "x", "two": "y"})]
    assert any(fault.startswith("y/services/hl-grafana/database: n8n is also n8n's") for fault in found), found


def test_a_port_for_clients_is_open_to_them_alone_and_to_nobody_when_they_are_not_there():
    assert 'ip saddr 10.20.0.42/32 ct status dnat meta l4proto tcp ct original proto-dst 5678 accept comment "n8n"' in (
        rules("n8n")
    )
    assert not any("proto-dst 5984" in rule and "ip saddr" not in rule for rule in rules("obsidian"))
    host = PROD.hosts["n8n"]
    assert resolved(host, [OpenPort(port=1, clients=("nobody",))]) == ()
    assert [p.source for p in resolved(host, [OpenPort(port=1, clients=("postgres", "hbbs"))])] == [
        "10.20.0.41/32",
        "10.20.0.44/32",
    ]


def test_a_name_never_gets_into_the_rules():
    """nft would look it up once, at boot, when nobody answers yet."""
    assert resolved(PROD.hosts["n8n"], [OpenPort(port=1, clients=("dl380p",))]) == ()


def test_the_mainframes_prometheus_may_ask_the_homelabs():
    assert any("ip saddr 10.20.0.10/32" in rule and "9090" in rule for rule in rules("monitoring"))


def test_node_exporters_are_where_somebody_asks_them_and_only_at_home():
    asked = {name for name, host in PROD.hosts.items() if node_exporter(host)}
    assert asked == {"postgres", "authentik", "n8n", "rustdesk", "monitoring", "obsidian", "dl380p", "i5"}
    hosts = {"n8n": homelab(), "mainframe": mainframe()}
    met, _ = neighbours.introduce(hosts, {})
    assert [name for name, host in met.items() if node_exporter(host)] == []
    assert own_ports(met["n8n"]) == ()


def test_metrics_of_a_port_that_is_not_published_are_nobodys_target():
    stack = stack_of("n8n", published=(Published(host=80, container=80),))
    assert [list(n.scrapes) for n in neighbours.neighbours({"n8n": homelab()}, {"n8n": stack})] == [[]]
