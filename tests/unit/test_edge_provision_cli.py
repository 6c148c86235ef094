"""`estate edge plan`, `create`, `destroy`, `image` against providers in memory; no output holds a token."""

from functools import partial
from pathlib import Path

import httpx
import pytest
import typer
from fake_cloud import NOWHERE, PASSWORD, Cloud, instance, record
from small_fleet import fleet, node
from typer.testing import CliRunner

from estate.cli.edge import provision
from estate.clients import http
from estate.edge.plans import PLANS
from estate.edge.provision import Fleet
from estate.inventory import load
from estate.models.edge import Provisioning
from estate.models.faults import EstateFaults
from estate.render.templates import ROOT
from estate.rollout.provider import Clock

TOKENS = {name: "-".join((name.lower(), "0123456789")) for name in ("VULTR_API_KEY", "CLOUDFLARE_API_TOKEN")}
ORDER = ("POST", "instances")
PROD = "inventories/prod.py"


@pytest.fixture
def cloud(monkeypatch):
    """Both providers in memory, a fleet of three nodes, and time that passes at once."""
    found = Cloud()
    now = [0.0]
    monkeypatch.setattr(http, "_transport", lambda endpoint: found.transport())
    for name in ("Vultr", "Dns"):
        monkeypatch.setattr(provision, name, partial(getattr(provision, name), sleep=lambda _: None))
    monkeypatch.setattr(provision, "Clock", lambda: Clock(lambda: now[0], lambda s: now.__setitem__(0, now[0] + s)))
    declare(monkeypatch, fleet())
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    return found


def declare(monkeypatch, found: Fleet):
    monkeypatch.setattr(provision, "declared", lambda inventory: found)


def run(*words, stdin=""):
    app = typer.Typer()
    provision.register(app)
    result = CliRunner().invoke(app, [words[0], PROD, *words[1:]], input=stdin)
    assert not (result.exception and not isinstance(result.exception, SystemExit)), result.exception
    text = result.output + (result.stderr if result.stderr_bytes else "")
    assert not any(value in text for value in (*TOKENS.values(), PASSWORD))
    return result.exit_code, text


def writes(cloud):
    return [asked for asked in cloud.asked if asked[0] != "GET"]


def converged(cloud):
    cloud.machines = [instance("tokyo", address="192.0.2.10"), instance("london", address="192.0.2.11", region="lhr")]
    cloud.records = [record("zurich", "192.0.2.1"), record("tokyo", "192.0.2.10"), record("london", "192.0.2.11")]


def test_a_plan_shows_all_nodes_and_costs_and_writes_nothing(cloud):
    code, text = run("plan")
    assert code == 2
    assert "10.00 USD a month of 100.00" in text
    assert "dns: add tokyo.edge.test A (the address that it will get)" in text
    assert all(word in text for word in ("zurich", "adopted", "order it (Debian, then nixos-infect)"))
    assert writes(cloud) == []


def test_a_plan_of_what_is_there_has_nothing_to_do(cloud):
    converged(cloud)
    assert run("plan")[0] == 0


def test_a_plan_without_tokens_says_what_it_could_not_see(cloud, monkeypatch):
    monkeypatch.setattr(provision, "credential", lambda inventory, name: None)
    code, text = run("plan")
    assert code == 2
    assert "could not ask Vultr about machines (no VULTR_API_KEY)" in text
    assert "could not ask Cloudflare about DNS records" in text
    assert "5.00" in text
    assert not any(path.startswith(("instances", "zones")) for _, path in cloud.asked)


def test_a_plan_without_a_network_is_quick_and_says_so(cloud):
    cloud.broken = {("GET", path): [httpx.ConnectError("x")] * 99 for path in ("plans", "instances", "zones")}
    code, text = run("plan")
    assert code == 2
    assert text.count("no connection") == 3
    assert len([path for _, path in cloud.asked if path.startswith("regions")]) == 0


def test_a_plan_names_a_wrong_token_and_goes_on(cloud):
    cloud.broken["GET", "instances"] = [httpx.Response(401, json={"error": "Invalid API token."})]
    code, text = run("plan")
    assert (code, "Vultr about machines (Invalid API token. (401); make a new API key" in text) == (2, True)


def test_a_plan_with_faults_is_refused_with_all_of_them(cloud, monkeypatch):
    nodes = (node("tokyo", 2, plan="vc2-1c-0.5gb-v6"), node("london", 3, region="sao"))
    declare(monkeypatch, fleet(*nodes, budget=1))
    code, text = run("plan")
    assert (code, "3 faults found, nothing was changed" in text) == (3, True)


def test_create_asks_then_orders_waits_and_writes_dns(cloud):
    cloud.slow = 2
    code, text = run("create", stdin="y\n")
    assert code == 0, text
    assert "Order 2 machines for 10.00 USD a month, write 3 DNS records?" in text
    assert [order["label"] for order in cloud.orders] == ["tokyo", "london"]
    assert cloud.orders[0]["sshkey_id"] == ["key-0"]
    assert {row["name"]: (row["content"], row["proxied"]) for row in cloud.records} == {
        "zurich.edge.test": ("192.0.2.1", False),
        "tokyo.edge.test": ("192.0.2.10", False),
        "london.edge.test": ("192.0.2.11", False),
    }
    assert "tokyo: runs at 192.0.2.10 (1 of 2)" in text


def test_create_again_does_nothing(cloud):
    run("create", "--yes")
    before = len(writes(cloud))
    code, _ = run("create", "--yes")
    assert (code, len(writes(cloud)), len(cloud.orders), len(cloud.keys)) == (0, before, 2, 1)


def test_no_means_no(cloud):
    code, _ = run("create", stdin="n\n")
    assert (code, writes(cloud)) == (0, [])


def test_a_dry_run_changes_nothing(cloud):
    assert (run("create", "--dry-run")[0], writes(cloud)) == (2, [])
    converged(cloud)
    assert run("create", "--dry-run")[0] == 0


def test_create_of_one_node_leaves_the_others_alone(cloud):
    assert run("create", "tokyo", "--yes")[0] == 0
    assert [order["label"] for order in cloud.orders] == ["tokyo"]
    assert [row["name"] for row in cloud.records] == ["tokyo.edge.test"]


def test_create_without_dns_touches_none(cloud, monkeypatch):
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    monkeypatch.setattr(
        provision, "credential", lambda i, name: provision.SecretStr(TOKENS[name]) if "VULTR" in name else None
    )
    assert run("create", "--yes")[0] == 3
    assert writes(cloud) == []
    assert run("create", "--yes", "--no-dns")[0] == 0
    assert (len(cloud.orders), cloud.records) == (2, [])


def test_create_corrects_a_proxied_record_and_leaves_what_is_not_ours(cloud):
    converged(cloud)
    others = record("www", "198.51.100.1", comment="", name="www.edge.test", proxied=True)
    cloud.records[1]["proxied"] = True
    cloud.records.append(others)
    assert run("create", "--yes")[0] == 0
    assert [row["proxied"] for row in cloud.records] == [False, False, False, True]
    assert cloud.records[3] == others


def test_create_never_removes_records_in_passing(cloud):
    converged(cloud)
    cloud.records.append(record("oslo"))
    code, text = run("plan")
    assert (code, "remove oslo.edge.test" in text) == (2, True)
    assert run("create", "--yes")[0] == 0
    assert record("oslo") in cloud.records


def test_a_record_of_somebody_else_stops_create_before_anything_is_ordered(cloud):
    cloud.records = [record("tokyo", "198.51.100.1", comment="")]
    code, text = run("create", "--yes")
    assert (code, "which is not ours" in text, writes(cloud)) == (3, True, [])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (httpx.ReadTimeout("late"), "it may have been made all the same"),
        (httpx.Response(503), "it may have been made all the same"),
        (httpx.Response(400, json={"error": "Server add failed: sold out"}), "sold out"),
    ],
)
def test_one_order_that_fails_does_not_stop_the_others_and_a_second_run_finishes(cloud, fault, said):
    cloud.broken[ORDER] = [fault]
    code, text = run("create", "--yes")
    assert (code, said in text, "a second run goes on" in text) == (1, True, True)
    assert [row["name"] for row in cloud.records] == ["zurich.edge.test", "london.edge.test"]
    assert run("create", "--yes")[0] == 0
    assert sorted(order["label"] for order in cloud.orders) == ["london", "tokyo"]


def test_an_order_that_was_made_without_an_answer_is_found_by_its_label(cloud):
    cloud.broken[ORDER] = [httpx.ReadTimeout("late")]
    run("create", "tokyo", "--yes")
    cloud.machines = [instance("tokyo", address=NOWHERE, ready=False)]
    code, text = run("create", "tokyo", "--yes")
    assert (code, cloud.orders, "Wait for 1" in text) == (0, [], False)
    assert cloud.records[0]["content"] == "192.0.2.10"


def test_a_machine_that_does_not_come_up_is_a_failure_and_stays(cloud):
    cloud.slow = 10**6
    code, text = run("create", "tokyo", "--yes")
    assert (code, "not there after 600 s: it does not run yet" in text) == (1, True)
    assert cloud.looks["id-tokyo"] == 121
    cloud.slow = 0
    assert run("create", "tokyo", "--yes")[0] == 0
    assert len(cloud.orders) == 1


def test_a_stop_while_waiting_says_what_stays(cloud):
    cloud.broken["GET", "instances/id-tokyo"] = [KeyboardInterrupt()]
    code, text = run("create", "tokyo", "--yes")
    assert (code, "what was ordered stays" in text) == (130, True)


def test_a_small_plan_without_an_image_is_refused_and_with_one_ordered(cloud, monkeypatch):
    small = node("newjersey", 2, plan="vc2-1c-0.5gb", region="ewr")
    declare(monkeypatch, fleet(small))
    code, text = run("create", "--yes")
    assert (code, "`estate edge image` prints the steps" in text, writes(cloud)) == (3, True, [])
    declare(monkeypatch, fleet(small, provisioning=Provisioning(snapshot="snap-1")))
    assert run("create", "--yes")[0] == 0
    assert (cloud.orders[0]["snapshot_id"], cloud.keys) == ("snap-1", [])


def test_an_unknown_node_is_named(cloud):
    code, text = run("create", "tokio")
    assert (code, "did you mean tokyo?" in text, cloud.asked) == (3, True, [])


def test_destroy_wants_the_name_and_says_what_goes(cloud):
    converged(cloud)
    code, text = run("destroy", "tokyo", stdin="yes\n")
    assert (code, "not confirmed" in text, writes(cloud)) == (3, True, [])
    assert "How old its last backup is" in text
    code, text = run("destroy", "tokyo", stdin="tokyo\n")
    assert code == 0, text
    assert [m["label"] for m in cloud.machines] == ["london"]
    assert [row["name"] for row in cloud.records] == ["zurich.edge.test", "london.edge.test"]
    assert writes(cloud) == [("DELETE", "instances/id-tokyo"), ("DELETE", "zones/z1/dns_records/id-tokyo")]


def test_destroy_again_has_nothing_to_do(cloud):
    converged(cloud)
    run("destroy", "tokyo", stdin="tokyo\n")
    code, text = run("destroy", "tokyo")
    assert (code, "nothing to do" in text) == (0, True)


def test_destroy_goes_on_where_it_was_interrupted(cloud):
    converged(cloud)
    cloud.broken["DELETE", "zones/z1/dns_records/id-tokyo"] = [httpx.Response(500)] * 9
    assert run("destroy", "tokyo", stdin="tokyo\n")[0] == 1
    cloud.broken.clear()
    assert run("destroy", "tokyo", stdin="tokyo\n")[0] == 0
    assert all("tokyo" not in row["name"] for row in cloud.records)


def test_destroy_refuses_the_hub_while_there_are_spokes(cloud):
    converged(cloud)
    code, text = run("destroy", "zurich", stdin="zurich\n")
    assert (code, "2 spokes are managed through it" in text, writes(cloud)) == (3, True, [])


@pytest.mark.parametrize(
    "machines",
    [
        [instance("tokyo"), instance("tokyo", number="id-2")],
        [instance("tokyo", tags=())],
        [instance("tokyo", tags=("estate-other.test",))],
        [instance("tokyo2")],
    ],
)
def test_destroy_deletes_nothing_but_the_one_machine_of_label_and_tag(cloud, machines):
    cloud.machines = machines
    run("destroy", "tokyo", stdin="tokyo\n")
    assert not [path for method, path in writes(cloud) if method == "DELETE"]
    assert cloud.machines == machines


def test_destroy_of_a_node_that_is_declared_no_more(cloud):
    converged(cloud)
    cloud.machines.append(instance("oslo"))
    cloud.records.append(record("oslo"))
    assert run("destroy", "oslo", stdin="oslo\n")[0] == 0
    assert len(cloud.machines) == 2
    code, text = run("destroy", "olso")
    assert (code, "neither declared nor there" in text) == (3, True)


def test_destroy_without_dns_is_refused(cloud, monkeypatch):
    converged(cloud)
    key = provision.SecretStr(TOKENS["VULTR_API_KEY"])
    monkeypatch.setattr(provision, "credential", lambda i, name: key if name == "VULTR_API_KEY" else None)
    code, text = run("destroy", "tokyo", stdin="tokyo\n")
    assert (code, "somebody else's by then" in text, writes(cloud)) == (3, True, [])


def test_an_adopted_node_loses_its_name_alone(cloud, monkeypatch):
    dubai = node("dubai", 2, provider="hostkey", plan="vps", price=8, address="192.0.2.5")
    declare(monkeypatch, fleet(dubai))
    cloud.records = [record("dubai", "192.0.2.5")]
    code, text = run("destroy", "dubai", stdin="dubai\n")
    assert (code, "cancelled at its provider, by you" in text, cloud.records) == (0, True, [])


def test_the_image_route_is_printed_with_its_commands(cloud):
    code, text = run("image")
    assert code == 0
    assert "nixos-rebuild build-image --image-variant raw" in text
    assert "vultr-cli snapshot create-url" in text
    assert "VULTR_API_KEY is read from the environment" in text


def test_a_token_comes_from_the_environment_and_is_never_shown(cloud):
    found = provision.credential(Path(PROD), "VULTR_API_KEY")
    assert found is not None
    assert TOKENS["VULTR_API_KEY"] not in f"{found} {found!r}"


def test_no_token_is_none(cloud, monkeypatch):
    def closed(path):
        raise EstateFaults([])

    monkeypatch.delenv("VULTR_API_KEY")
    monkeypatch.setattr(provision, "load", closed)
    assert provision.credential(Path(PROD), "VULTR_API_KEY") is None


def test_production_declares_its_fleet_with_the_keys_that_log_in_and_known_prices():
    found = provision.declared(ROOT / PROD)
    assert found.keys == load(ROOT / PROD).hosts[found.mesh.hub.name].admin_keys
    assert found.prices.keys() == PLANS.keys()
