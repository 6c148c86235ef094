"""A node's packet filter as Proxmox's files ask for it (pve-firewall, src/PVE/Firewall.pm), in network namespaces."""

import pytest
from pve_firewall_node import (
    CONTROLLER,
    COROSYNC,
    MONITORING,
    NAME,
    OTHER,
    PING,
    PORTS,
    STRANGER,
    FirewallNode,
    possible,
)
from pve_node import node as declared
from pve_stand_in import Pve

from estate.models.host_parts import Neighbour
from estate.render.proxmox import cluster_fw, host_fw
from lab.standins.proxmox.firewall_daemon import Daemon

pytestmark = pytest.mark.skipif(not possible(), reason="no network namespaces, or no nft")
ALL = {*PORTS, COROSYNC, PING}
MANAGEMENT = {22, 3128, 8006, 60001}
ON = "[OPTIONS]\nenable: 1\n"
ELSEWHERE = f"[ALIASES]\nlocal_network 192.0.2.0/24\n{ON}"
"""The node's own network always belongs to the management set, unless an alias says that it is another."""


@pytest.fixture
def world(tmp_path):
    made = FirewallNode(tmp_path)
    yield made
    made.end()


def says(daemon, word):
    """The daemon's lines up to the one with a word."""
    lines = []
    for line in daemon.stdout:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def test_nothing_is_filtered_unless_cluster_and_node_want_it(world):
    daemon = world.daemon()
    says(daemon, "nothing is filtered")
    assert world.open(STRANGER) == ALL
    for cluster, host in (("[OPTIONS]\nenable: 0\n", ""), (ON, "[OPTIONS]\nenable: 0\n")):
        world.write(cluster, host)
        world.tool("restart")
        says(daemon, "nothing is filtered")
        assert world.open(STRANGER) == ALL


def test_the_management_set_reaches_the_built_in_ports_and_nobody_else_reaches_any(world):
    world.write(f"{ELSEWHERE}[IPSET management]\n{CONTROLLER}\n")
    says(world.daemon(), "in force")
    assert world.open(CONTROLLER) == MANAGEMENT
    assert world.ask(STRANGER) == world.ask(MONITORING) == {}


def test_the_nodes_own_network_is_in_the_management_set(world):
    world.write(f"{ON}[IPSET management]\n192.0.2.1\n")
    says(world.daemon(), "in force")
    assert world.open(MONITORING) == MANAGEMENT
    assert world.open(STRANGER) == set()


def test_the_clusters_nodes_reach_each_other_whatever_the_management_set_is(world):
    world.write(ELSEWHERE)
    says(world.daemon(), "in force")
    assert world.open(OTHER) == {COROSYNC, 8006}
    assert world.open(CONTROLLER) == set()


@pytest.mark.parametrize(
    ("policy", "said"),
    [("DROP", None), ("REJECT", "ECONNREFUSED"), ("ACCEPT", "open")],
    ids=["drop", "reject", "accept"],
)
def test_what_no_rule_is_about_is_the_policys(world, policy, said):
    world.write(f"{ON}policy_in: {policy}\n")
    says(world.daemon(), "in force")
    assert world.ask(STRANGER).get(5000) == said


def test_rules_are_tried_in_their_order_and_the_nodes_before_the_clusters(world):
    rules = """[RULES]
IN DROP -source 198.51.100.0/24 -p tcp -dport 5000:5001 # not them
|IN ACCEPT -p tcp -dport 80
IN ACCEPT -source +friends -p tcp -dport 80
"""
    cluster = f"""[ALIASES]
prom {MONITORING}
[IPSET friends]
prom
{STRANGER}
{ON}[RULES]
IN ACCEPT -p tcp -dport 3000,5000:5002
IN ACCEPT -source dc/prom -p tcp -dport 9100
IN Ping(ACCEPT) -source +friends
IN REJECT -source 198.51.100.1-198.51.100.20 -p tcp -dport 3128
"""
    world.write(cluster, rules)
    says(world.daemon(), "in force")
    assert world.open(MONITORING) == MANAGEMENT | {5000, 80, 9100, PING}
    assert world.ask(STRANGER) == {80: "open", PING: "open", 3128: "ECONNREFUSED"}


def test_what_the_deploy_renders_lets_monitoring_in_and_the_rest_of_the_world_not(world):
    neighbours = (
        Neighbour(name=NAME, group="proxmox", address="10.99.0.31", exporter=9100),
        Neighbour(name="monitoring", group="homelab", address=MONITORING, services=("hl-prometheus",)),
    )
    port = {"port": 8006, "source": "198.51.100.0/24", "purpose": "web"}
    host = declared(guest_firewall={"management": [f"{CONTROLLER}/32"]}, open_ports=[port], neighbours=neighbours)
    assert host.guest_firewall is not None
    world.write(f"[ALIASES]\nlocal_network 192.0.2.0/24\n{cluster_fw(host.guest_firewall)}", host_fw(host))
    says(world.daemon(), "in force")
    assert world.open(CONTROLLER) == MANAGEMENT | {PING}
    assert world.open(MONITORING) == {9100}
    assert world.open(STRANGER) == {8006}


def test_a_changed_file_is_in_force_after_a_cycle(world):
    daemon = world.daemon(cycle=0.2)
    says(daemon, "nothing is filtered")
    world.write(ELSEWHERE)
    says(daemon, "in force")
    assert world.open(CONTROLLER) == set()


def test_a_restart_makes_a_lock_out_felt_at_once_and_the_way_back_too(world):
    """The connection that is there stays; a new one is what tells."""
    daemon = world.daemon()
    says(daemon, "nothing is filtered")
    world.write(ON)
    assert world.tool("status") == "Status: enabled/running (pending changes)"
    world.tool("restart")
    says(daemon, "in force")
    assert world.tool("status") == "Status: enabled/running"
    assert 22 in world.open(CONTROLLER)
    world.write(ON, "[RULES]\nIN DROP -p tcp -dport 22\n")
    world.tool("restart")
    says(daemon, "in force")
    assert 22 not in world.open(CONTROLLER)
    world.write(ON)
    world.tool("restart")
    says(daemon, "in force")
    assert 22 in world.open(CONTROLLER)


def test_ending_it_leaves_the_node_unprotected(world):
    world.write(ELSEWHERE)
    daemon = world.daemon()
    says(daemon, "in force")
    world.tool("stop")
    assert daemon.wait() == 0
    assert world.tool("status") == "Status: enabled/stopped"
    assert world.open(STRANGER) == ALL


def test_rules_that_it_cannot_filter_by_are_told_and_left_out(world):
    world.write(f"{ON}[RULES]\nIN Ceph(ACCEPT)\nIN ACCEPT -p tcp -dport 5000\n")
    told = says(world.daemon(), "Ceph")
    assert "ESTATE LAB STAND-IN: not filtered by the macro 'Ceph': IN Ceph(ACCEPT)" in told
    assert 5000 in world.open(STRANGER)
    assert "not filtered by the macro 'Ceph'" in world.tool("compile")


def daemon_of(pve, text):
    (pve.node.pve / "firewall").mkdir()
    (pve.node.pve / "firewall/cluster.fw").write_text(text)
    return Daemon(pve.node)


def test_a_cycle_without_a_changed_file_does_nothing(tmp_path):
    pve = Pve(tmp_path)
    daemon = daemon_of(pve, ON)
    for _ in range(3):
        daemon.cycle()
    assert len(pve.backend.loaded) == 1
    (pve.node.pve / "nodes/dl380p/host.fw").write_text("[OPTIONS]\nenable: 0\n")
    daemon.cycle()
    assert len(pve.backend.loaded) == 2
    daemon.restart()
    daemon.cycle()
    assert len(pve.backend.loaded) == 3


def test_a_faulty_rule_is_left_out_and_a_policy_that_is_none_changes_nothing(tmp_path):
    pve = Pve(tmp_path)
    daemon = daemon_of(pve, f"{ON}[RULES]\nIN ACCEPT -dport 22\nIN HTTPS(ACCEPT)\n")
    daemon.cycle()
    assert "tcp dport { 443 } accept" in pve.backend.loaded[-1]
    (pve.node.pve / "firewall/cluster.fw").write_text(f"{ON}policy_in: MAYBE\n")
    with pytest.raises(Exception, match="it does not filter by the policy 'MAYBE'"):
        daemon.cycle()
    assert len(pve.backend.loaded) == 1


def test_etc_pve_that_is_away_leaves_the_rules(tmp_path):
    """Its service restarts: an empty directory is no cluster without a firewall."""
    pve = Pve(tmp_path)
    daemon = daemon_of(pve, ON)
    daemon.cycle()
    pve.node.pve.rename(tmp_path / "aside")
    pve.node.pve.mkdir()
    with pytest.raises(Exception, match="/etc/pve is not there"):
        daemon.cycle()
    assert len(pve.backend.loaded) == 1


def test_the_tools_verbs_are_the_services(tmp_path):
    pve = Pve(tmp_path)
    for verb in ("start", "restart", "stop"):
        pve.ok("pve-firewall", verb)
    assert pve.backend.services == [
        ("start", "pve-firewall.service"),
        ("reload-or-restart", "pve-firewall.service"),
        ("stop", "pve-firewall.service"),
    ]
