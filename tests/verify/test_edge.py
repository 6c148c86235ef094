"""The edge fleet: what each node runs, what it lets in, and what the hub knows of it."""

import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from estate.clients.push_bridge import status
from estate.models.host import EdgeHost
from estate.remote import run_as_root
from estate.render.edge import ENVIRONMENT, wanted_of
from estate.render.shell import shell, variables
from estate.verify.observation import parse
from estate.verify.outside import is_open

SECRET = (ENVIRONMENT, "/etc/push-bridge/secrets.json", "/etc/wireguard/private.key")


def _ask(estate, host):
    paths = " ".join(SECRET)
    words = {"PATHS": paths, "INTERFACE": host.mesh.interface, "NAME": host.mesh.public_name(host.node)}
    text = f"{variables(words)}{shell('verify/edge_probe.sh')}"
    return parse(run_as_root(host.name, estate.ssh[host.name], text, timeout=60).stdout.splitlines())


@pytest.fixture(scope="session")
def answers(edge_estate, edge_hosts):
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = pool.map(lambda host: _ask(edge_estate, host), edge_hosts)
        return {host.name: answer for host, answer in zip(edge_hosts, found, strict=True)}


@pytest.fixture
def told(edge: EdgeHost, answers):
    return answers[edge.name]


@pytest.fixture(scope="session")
def bridge(edge_hosts):
    return status(edge_hosts[0].mesh)


def test_the_running_generation_is_the_declared_one(edge, told, edge_estate):
    assert told.lines("configuration") == [wanted_of(edge, edge_estate.keys).configuration]
    running, profile = told.lines("generation")
    assert running == profile, "another generation would boot"


def test_the_release_is_the_declared_one(edge, told):
    link, digest = told.lines("release")
    assert digest == edge.mesh.release.sha256
    assert link == f"releases/{digest[:16]}"


def test_no_unit_has_failed(told):
    assert told.lines("failed") == []


def test_the_binary_runs_unprivileged_and_hardened(told):
    unit = dict(line.split("=", 1) for line in told.lines("clavitor"))
    assert unit["ActiveState"] == "active"
    assert unit["User"] not in ("", "root")
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["ProtectSystem"] == "strict"
    assert unit["CapabilityBoundingSet"] == "cap_net_bind_service"


def test_secrets_are_closed_to_others(edge, told):
    rows = told.rows("paths")
    wanted = [path for path in SECRET if edge.is_hub or "push-bridge" not in path]
    assert [path for path in wanted if path not in rows or int(rows[path][0], 8) & 0o077] == []
    assert told.text("key-file").endswith(" root")


def test_the_key_in_use_is_the_pinned_one(edge, told, edge_estate):
    assert told.lines("own-key") == [edge_estate.keys.nodes[edge.name]]


def test_peers_are_the_declared_ones_and_alive(edge, told, edge_estate):
    mesh, keys = edge.mesh, edge_estate.keys.nodes
    live = {line.split("\t")[0]: line.split("\t")[1:] for line in told.lines("wireguard")}
    if not edge.is_hub:
        assert list(live) == [keys[mesh.hub.name]]
        wanted = {f"{mesh.address(peer)}/32" for peer in (mesh.hub, *mesh.operators)}
        assert set(live[keys[mesh.hub.name]][0].split(",")) == wanted
        return
    spokes = {keys[node.name]: f"{mesh.address(node)}/32" for node in mesh.spokes if node.name in keys}
    operators = {operator.public_key: f"{mesh.address(operator)}/32" for operator in mesh.operators}
    assert {key: fields[0] for key, fields in live.items()} == spokes | operators
    assert [key for key in spokes if live[key][1] == "0"] == [], "spokes that never shook hands"


def test_only_the_hub_forwards(edge, told):
    assert told.lines("forwarding") == ["1" if edge.is_hub else "0"]


def test_sshd_lets_in_by_key_only(told):
    settings = dict(line.split(" ", 1) for line in told.lines("sshd") if " " in line)
    assert settings["passwordauthentication"] == "no"
    assert settings["kbdinteractiveauthentication"] == "no"
    assert settings["permitrootlogin"] == "no"


def test_from_outside_only_http_and_https_answer(edge):
    address = edge.node.address or socket.gethostbyname(edge.mesh.public_name(edge.node))
    mesh = edge.mesh
    asked = (22, 80, 443, mesh.depot_port, mesh.bridge_port, mesh.kuma_port)
    assert {port for port in asked if is_open(address, port)} == {80, 443}


def test_the_service_answers_over_tls_with_a_certificate_for_its_name(edge, acme_root):
    name = edge.mesh.public_name(edge.node)
    context = ssl.create_default_context(cadata=acme_root) if acme_root else ssl.create_default_context()
    with (
        socket.create_connection((edge.node.address or name, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_the_service_says_that_it_is_well(edge, told):
    answer = json.loads(told.text("health"))
    assert answer["status"] == "ok"
    assert answer["node"] == edge.name


def test_the_database_is_sound_and_private(told):
    state, check = told.lines("database")
    assert int(state.split()[0], 8) & 0o077 == 0
    assert check == "ok"


def test_the_routine_is_scheduled(told):
    timers = set(told.lines("timers"))
    assert {"estate-gc.timer"} <= timers
    assert any("check" in timer for timer in timers)
    assert any("backup" in timer for timer in timers)


def test_there_is_a_way_back_and_not_a_hoard(edge, told):
    assert 1 <= int(told.text("generations")) <= edge.mesh.generations + 1


def test_the_hub_hears_of_the_node(edge, bridge):
    entry = bridge["nodes"][edge.name]
    assert entry["received"], "it never pushed"
    assert bridge["now"] - entry["received"] < 3 * edge.mesh.telemetry.interval + 5
    assert len(entry["payload"]) == 15
    assert entry["payload"]["db_integrity"] == "ok"
