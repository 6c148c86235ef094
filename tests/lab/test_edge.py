"""The fleet: releases go through it in waves, keys are rotated, nodes come and go."""

import shutil
import subprocess

import pytest
from edge_scenes import (
    CANARY,
    FLEET,
    HUB,
    NODES,
    PUBLIC,
    SPOKE,
    all_run,
    docker,
    health,
    in_mesh,
    keep,
    kept,
    runs,
    status,
)
from estate_copy import REPO, Checkout, estate_command, inside, on_host, sealed_copy
from pydantic import SecretStr

from estate.clients import kuma
from estate.edge.monitors import Changes, wanted
from estate.edge.secrets import KUMA_PASSWORD, OFFSITE_KEY
from estate.inventory import load
from estate.render.edge import OFFSITE_ENVIRONMENT
from estate.rollout.monitors import USER, provision
from lab.inventory import current_profile

pytestmark = pytest.mark.fleet

LAB = "inventories/lab.py"
# The stand-in's builders use the machine's own commands, and its Nix need not have users to build as
NIX = {"NIX_CONFIG": "sandbox = false\nbuild-users-group =\nsubstitute = false\n"}
CERTIFICATE = "openssl x509 -noout -serial -in /var/lib/clavitor/autocert/tokyo.clavitor.com.crt"


@pytest.fixture(autouse=True)
def as_declared():
    """Before each of these tests the fleet is what this checkout declares; what a test leaves is mended by the next."""
    run = Checkout().deploy_when_free(*FLEET)
    assert run.code == 0, run.text


@pytest.fixture
def copy(tmp_path):
    return Checkout.copy_to(tmp_path / "estate")


def test_a_second_run_changes_nothing():
    run = Checkout().deploy(*FLEET)
    assert (run.code, run.changes) == (0, []), run.text


def test_a_good_release_reaches_all_goes_back_and_comes_again(copy):
    before = all_run()
    digest = copy.with_release("1.0.0")
    run = copy.deploy(*FLEET)
    assert run.code == 0, run.text
    steps = [run.text.index(f"Starting operation: Edge {wave} | Switch") for wave in ("canary", "early", "hub")]
    assert steps == sorted(steps)
    assert {name: runs(name)[1] for name in NODES} == dict.fromkeys(NODES, f"releases/{digest[:16]}")
    assert copy.deploy(*FLEET).changes == []
    back = estate_command("edge", "rollback", LAB, SPOKE)
    assert back.code == 0, back.text
    assert runs(SPOKE) == before[SPOKE]
    assert health(SPOKE) == 200
    assert {change["host"] for change in copy.dry_run(*FLEET).changes} == {SPOKE}
    # Back to what this checkout declares, which the nodes still have
    run = Checkout().deploy(*FLEET)
    assert run.code == 0, run.text
    assert all_run() == before
    assert len(inside(CANARY, "ls /opt/clavitor/releases").split()) <= 3


@pytest.mark.skipif(not shutil.which("nix-build"), reason="the controller has no Nix (Debian: nix-bin)")
def test_a_generation_that_the_controller_builds_is_the_one_that_the_node_runs(copy):
    before = all_run()
    copy.edit("lab/mesh.py", "} | way", '} | way | ({"build": "controller"} if node["name"] == "amsterdam" else {})')
    # Where it is built makes no node due; this does
    copy.edit("lab/mesh.py", '"interval": 2', '"interval": 3')
    run = copy.deploy(*FLEET, environment=NIX)
    assert run.code == 0, run.text
    now = all_run()
    assert all(now[name][0] != before[name][0] for name in NODES)
    digest = inside(CANARY, "cat /run/current-system/etc/estate/configuration").strip()
    assert inside(HUB, f"cat /var/lib/estate/depot/systems/{digest}").strip() == now[CANARY][0]
    # The probe compares what runs with the digest of what the copy declares
    assert copy.deploy(*FLEET, environment=NIX).changes == []
    # The hub built the other spoke's, and of this one's has no log and no derivation
    builds = {name: inside(HUB, f"ls -A /var/lib/estate/builds/{name}").split() for name in (CANARY, SPOKE)}
    assert builds[CANARY] == ["system"]
    assert "log" in builds[SPOKE]
    there = '[ -e "$(nix-store -q --deriver {})" ] && echo derivation || :'
    assert inside(HUB, there.format(now[CANARY][0])) == ""
    assert inside(HUB, there.format(now[SPOKE][0])) == "derivation\n"
    assert inside(HUB, "ls -A /var/lib/estate/builds | grep closure || :") == ""


def test_the_break_glass_way_in_works_without_the_hub_and_ends_with_a_reboot():
    key = REPO / ".lab" / "wireguard" / "break-glass"
    options = ["-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=4", "-o", "BatchMode=yes"]
    known = ["-o", f"UserKnownHostsFile={REPO / '.lab' / 'known_hosts'}"]
    argv = ["ssh", "-F", "none", *options, *known, "-i", str(key), f"mitch@{PUBLIC[SPOKE]}", "sudo", "-n", "id", "-u"]

    def lets_in():
        return subprocess.run(argv, capture_output=True, text=True).stdout.strip() == "0"

    docker("stop", "--time", "2", f"estate-lab-{HUB}")
    try:
        assert not lets_in()
        # What an operator types at the provider's console
        inside(SPOKE, "/run/current-system/specialisation/breakglass/bin/switch-to-configuration test", check=False)
        assert lets_in()
    finally:
        docker("start", f"estate-lab-{HUB}")
    docker("restart", f"estate-lab-{SPOKE}")
    assert in_mesh(SPOKE, 120)
    assert not lets_in()


def test_a_spoke_whose_address_changed_is_back_by_itself():
    docker("network", "disconnect", "estate-lab", f"estate-lab-{SPOKE}")
    try:
        names = ("--alias", SPOKE, "--alias", f"{SPOKE}.clavitor.com")
        docker("network", "connect", *names, "--ip", "10.99.0.202", "estate-lab", f"estate-lab-{SPOKE}")
        assert in_mesh(SPOKE, 90)
    finally:
        docker("network", "disconnect", "estate-lab", f"estate-lab-{SPOKE}")
        docker("network", "connect", *names, "--ip", PUBLIC[SPOKE], "estate-lab", f"estate-lab-{SPOKE}")
    assert in_mesh(SPOKE, 90)


def test_a_key_is_rotated_without_losing_the_node():
    keys = REPO / ".lab" / "wireguard.keys"
    before = dict(line.split()[:2] for line in keys.read_text().splitlines() if not line.startswith("#"))
    run = estate_command("edge", "rotate", LAB, SPOKE)
    assert run.code == 0, run.text
    after = dict(line.split()[:2] for line in keys.read_text().splitlines() if not line.startswith("#"))
    assert before[SPOKE] != after[SPOKE]
    assert {k: v for k, v in before.items() if k != SPOKE} == {k: v for k, v in after.items() if k != SPOKE}
    assert in_mesh(SPOKE)
    assert before[SPOKE] not in inside(HUB, "wg show wg0 peers")
    assert inside(SPOKE, "wg pubkey </etc/wireguard/private.key").strip() == after[SPOKE]
    docker("restart", f"estate-lab-{SPOKE}")
    assert in_mesh(SPOKE, 120), "the new key did not survive a reboot"
    assert Checkout().deploy(*FLEET).changes == []


@pytest.mark.alone
def test_a_node_is_taken_out_and_made_anew(copy):
    """Remove: one line and a deploy of the hub. Add: a fresh machine becomes a node by the commands of docs/edge.md."""
    keep(SPOKE, "kept", "over a reprovision")
    inside(SPOKE, "systemctl start vault-backup.service")
    # The hub's own copies are lost as well: what is restored has been in the object store
    inside(HUB, "systemctl start vault-offsite.service")
    inside(HUB, f"rm -rf /var/lib/push-bridge/backups/{SPOKE}")
    inside(HUB, "systemctl start vault-offsite-back.service")
    certificate = inside(SPOKE, CERTIFICATE)
    peers = inside(HUB, "wg show wg0 peers").split()
    link = inside(HUB, "ip -o link show wg0").split(":")[0]
    copy.edit("lab/hosts.py", '"zurich", "tokyo", "amsterdam")', '"zurich", "amsterdam")')
    copy.edit("lab/mesh.py", '"at_once": 2', '"at_once": 1')
    run = copy.deploy("--limit", HUB)
    assert run.code == 0, run.text
    assert len(inside(HUB, "wg show wg0 peers").split()) == len(peers) - 1
    assert inside(HUB, "ip -o link show wg0").split(":")[0] == link, "the interface was made anew"
    docker("rm", "--force", "--volumes", f"estate-lab-{SPOKE}")
    for words in (("lab", "up", "--profile", current_profile()), ("lab", "fleet")):
        run = estate_command(*words)
        assert run.code == 0, run.text
    assert in_mesh(SPOKE, 60)
    run = Checkout().deploy(*FLEET)
    assert run.code == 0, run.text
    assert health(SPOKE) == 200
    assert Checkout().deploy(*FLEET).changes == []
    run = estate_command("edge", "restore", LAB, SPOKE, "--yes")
    assert run.code == 0, run.text
    assert kept(SPOKE, "kept") == "over a reprovision"
    assert inside(SPOKE, CERTIFICATE) == certificate, "another certificate was asked for"
    assert "clavitor.db" in inside(SPOKE, "ls /var/lib/clavitor/backups/replaced-*")


def test_no_secret_of_the_fleet_is_where_others_can_read_it():
    token = inside(SPOKE, "cut -d= -f2 /etc/clavitor/env").strip()
    key = inside(SPOKE, "cat /etc/wireguard/private.key").strip()
    store = sealed_copy().values()[OFFSITE_KEY]
    assert len(token) > 20
    assert len(key) == 44
    text = on_host(
        SPOKE,
        "journalctl --no-pager -o cat | tail -n 50000; find /nix/store /run /etc -xdev -type f "
        "-perm /044 -size -512k -print0 2>/dev/null | xargs -0 cat 2>/dev/null || :",
    )
    assert token not in text
    assert key not in text
    hub = inside(HUB, "journalctl --no-pager -o cat | tail -n 50000")
    assert token not in hub
    assert key not in hub
    assert store not in hub
    assert store not in inside(HUB, "cat /proc/[0-9]*/cmdline /etc/nixos/*.nix 2>/dev/null | tr '\\0' ' '")
    assert store in inside(HUB, f"cat {OFFSITE_ENVIRONMENT}"), "it would not be found"


def test_the_status_is_well_and_current():
    code, nodes = status()
    assert (code, set(nodes)) == (0, set(NODES)), nodes
    for node in nodes.values():
        assert (node["state"], node["health"], node["ill"]) == ("current", "200", [])
        assert node["push_age"] < 20
        assert node["role"] == "hub" or node["handshake_age"] < 180


def test_kuma_has_exactly_our_monitors_and_they_are_up():
    mesh = load(REPO / LAB).mesh
    values = sealed_copy().values()
    names = {monitor.name: monitor.kind for monitor in wanted(mesh, SecretStr(values[mesh.push_seed]))}
    with kuma.Kuma(f"http://{mesh.address(mesh.hub)}:{mesh.kuma_port}") as session:
        session.login(USER, SecretStr(values[KUMA_PASSWORD]))
        present = session.monitors()
        assert {monitor["name"]: monitor["type"] for monitor in present.values()} == names
        pushes = [number for number, monitor in present.items() if monitor["type"] == "push"]
        assert len(pushes) == 2 * len(NODES)
        assert {number: session.beats(number)[-1]["status"] for number in pushes} == dict.fromkeys(pushes, 1)
        assert provision(mesh, values) == Changes()
