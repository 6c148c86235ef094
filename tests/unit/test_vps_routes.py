"""The homelab's public sites and ports: derived from the declarations, and refused when they cannot work."""

import pytest
import yaml
from factories import homelab, settings, vps

from estate.models.backup import NoBackup
from estate.models.cloud import Record
from estate.models.faults import EstateFaults
from estate.models.image import image
from estate.models.service import Published, Route, Service
from estate.models.stack import Stack
from estate.models.vps import ForeignRoute, ForwardAuth, PangolinSettings, RawRoute
from estate.render.templates import render
from estate.routes import names, public_routes, with_routes
from estate.services import CATALOG
from estate.vps_dns import diff, wishes
from lab.standins.pangolin.blueprint import parse
from lab.standins.pangolin.settings import read

NONE = NoBackup(reason="keeps nothing at all")


def service(name, port, *labels, publish=True, **over):
    return Service(
        name=name,
        purpose=f"The {name}",
        image=image("docker.io/library/x:1"),
        port=port,
        routes=tuple(Route(host=label) for label in labels),
        published=(Published(host=port + 10_000, container=port),) if publish else (),
        backup=NONE,
        **over,
    )


N8N = service("n8n", 5678, "n8n")
AUTH = service("authentik-server", 9000, "auth")
GRAFANA = service("hl-grafana", 3000, "grafana-home", publish=False)
HBBS = service("hbbs", 21116, publish=False, host_network=True)


def estate(pangolin=None, tunnel=True, **extra):
    """A homelab of four containers, the tunnel's client beside Grafana, and the VPS."""
    own = settings(domain="example.org", root="/opt/homelab")
    newt = (CATALOG["newt"],) if tunnel else ()
    services = {"n8n": (N8N,), "authentik": (AUTH,), "monitoring": (GRAFANA, *newt), "rustdesk": (HBBS,)} | extra
    hosts = {
        name: homelab(name=name, address=f"192.0.2.{41 + i}", vmid=141 + i) for i, name in enumerate(sorted(services))
    }
    stacks = {name: Stack(settings=own, services=item) for name, item in services.items()}
    given = {"domain": "example.org", "admin_email": "ops@example.org"} | (pangolin or {})
    return hosts | {"vps": vps(pangolin=PangolinSettings(**given))}, stacks


def faults(*given, **words):
    return [str(fault) for fault in public_routes(*estate(*given, **words)).faults]


def by_key(routes):
    return {resource.key: resource for resource in routes.resources}


def targets(resource):
    return [(target.hostname, target.port, target.path) for target in resource.targets]


def test_a_site_goes_where_its_host_publishes_it_and_a_neighbour_by_its_name():
    routes = public_routes(*estate())
    assert routes.faults == []
    found = by_key(routes)
    assert {resource.domain for resource in routes.resources} == {
        *("n8n.example.org", "auth.example.org", "grafana-home.example.org")
    }
    assert targets(found["n8n"]) == [("192.0.2.43", 15678, "")]
    assert targets(found["grafana-home"]) == [("hl-grafana", 3000, "")]


def test_raw_ports_reach_a_service_on_its_hosts_own_network():
    raw = (RawRoute(service="hbbs", port=21116), RawRoute(service="hbbs", port=21116, protocol="udp"))
    found = by_key(public_routes(*estate({"raw": raw})))
    assert found["hbbs-udp-21116"].port == 21116
    assert targets(found["hbbs-tcp-21116"]) == [("192.0.2.44", 21116, "")]


def test_forward_auth_stands_before_a_site_but_for_its_bypass():
    auth = ForwardAuth(hosts=("n8n",), bypass={"n8n": ("/webhook",)})
    found = by_key(public_routes(*estate({"forward_auth": auth})))
    assert targets(found["n8n"]) == [("192.0.2.41", 19000, ""), ("192.0.2.43", 15678, "/webhook")]


def test_what_is_no_service_of_ours_can_be_public_too():
    foreign = ForeignRoute(host="home", address="192.0.2.99", port=8123)
    found = by_key(public_routes(*estate({"foreign": (foreign,)})))
    assert (found["home"].domain, targets(found["home"])) == ("home.example.org", [("192.0.2.99", 8123, "")])


@pytest.mark.parametrize(
    ("pangolin", "words", "fault"),
    [
        ({}, {"tunnel": False}, "2 public sites and ports, but no newt in the homelab"),
        ({"raw": (RawRoute(service="hbbz", port=1),)}, {}, "hbbz is not a service of the homelab; did you mean hbbs"),
        ({"domain": "other.org"}, {}, "auth.example.org is not below other.org"),
        ({"forward_auth": ForwardAuth(hosts=("absent",))}, {}, "forward_auth/absent: no such site"),
        ({"forward_auth": ForwardAuth(hosts=("n8n",), outpost="x")}, {}, "x is not a service of the homelab"),
        ({"raw": (RawRoute(service="n8n", port=1),)}, {}, "n8n does not publish 1"),
        ({"foreign": (ForeignRoute(host="n8n", address="192.0.2.1", port=1),)}, {}, "is the name of two sites"),
        ({}, {"n8n": (service("n8n", 5678, "n8n", publish=False),)}, "n8n does not publish its port"),
    ],
)
def test_what_cannot_work_is_refused(pangolin, words, fault):
    assert any(fault in line for line in faults(pangolin, **words)), faults(pangolin, **words)


def test_without_homelab_or_pangolin_there_is_nothing_to_say():
    hosts, stacks = estate({"raw": (RawRoute(service="hbbs", port=1),)})
    assert public_routes({"vps": hosts["vps"]}, {}).faults == []
    assert public_routes(hosts | {"vps": vps(pangolin=None)}, stacks).resources == []


def test_the_blueprint_is_one_that_pangolin_takes():
    raw = (RawRoute(service="hbbs", port=21116, protocol="udp"),)
    auth = ForwardAuth(hosts=("n8n",), bypass={"n8n": ("/webhook",)})
    hosts, stacks = estate({"raw": raw, "forward_auth": auth})
    known = with_routes(stacks, public_routes(hosts, stacks))
    assert known["n8n"].public == ()
    text = render("newt/blueprint.yaml.j2", stack=known["monitoring"])
    given = read(
        render("pangolin/config.yml.j2", host=hosts["vps"]),
        {"SERVER_SECRET": "s" * 64, "PANGOLIN_SETUP_TOKEN": "t" * 32},
    )
    found = {resource.key: resource for resource in parse(text, given)}
    assert found.keys() == {resource.key for resource in known["monitoring"].public}
    assert [(t.hostname, t.path) for t in found["n8n"].targets] == [("192.0.2.41", ""), ("192.0.2.43", "/webhook")]
    # Pangolin's own log-in would be a second one
    sites = yaml.safe_load(text)["public-resources"]
    assert all(item["auth"] == {"sso-enabled": False} for item in sites.values() if item["mode"] == "http")


def test_an_empty_homelab_gives_an_empty_blueprint():
    assert yaml.safe_load(render("newt/blueprint.yaml.j2", stack=estate()[1]["monitoring"])) == {"public-resources": {}}


def named():
    hosts, stacks = estate({"names": ("rustdesk",)})
    return hosts["vps"], with_routes(stacks, public_routes(hosts, stacks))


def test_every_site_and_name_leads_to_the_vps():
    labels = ("auth", "grafana-home", "n8n", "pangolin", "rustdesk")
    assert names(*named()) == [f"{label}.example.org" for label in labels]
    wanted = wishes(*named())
    assert wanted["n8n.example.org"] == Record(
        "", "A", "n8n.example.org", "192.0.2.20", 300, proxied=False, comment="estate:vps:n8n.example.org"
    )


def test_records_of_others_are_in_the_way_or_left_alone_and_ours_go_with_their_site():
    wanted = {"n8n.example.org": wishes(*named())["n8n.example.org"]}
    theirs = Record("o", "CNAME", "n8n.example.org", "elsewhere.org", 1, proxied=False, comment="")
    found = diff(wanted, [theirs])
    assert (found.changes, [conflict.record for conflict in found.conflicts]) == ((), [theirs])
    right = next(iter(wanted.values()))
    old = Record("x", "A", "old.example.org", "192.0.2.20", 300, proxied=False, comment="estate:vps:old.example.org")
    fleet = Record("y", "A", "tokyo.example.org", "192.0.2.7", 300, proxied=False, comment="estate:edge:tokyo")
    changes = diff(wanted, [right, old, fleet]).changes
    assert [str(change) for change in changes] == ["remove old.example.org A 192.0.2.20 (no such site any more)"]


def test_without_an_address_no_record_is_guessed():
    with pytest.raises(EstateFaults, match="public_address"):
        wishes(vps(public_address=None), {})
