"""The fleet: what is bad stops at the canary and returns, and nothing of a customer's is lost."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from edge_scenes import (
    CANARY,
    FLEET,
    HUB,
    NODES,
    PUBLIC,
    SPOKE,
    all_run,
    bridge,
    docker,
    health,
    in_mesh,
    keep,
    kept,
    public,
    runs,
    status,
)
from estate_copy import BIN, Checkout, inside

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.fleet

SSH = "files/nixos/ssh.nix"
ONLY_MESH = "networking.firewall.interfaces.${estate.interface}.allowedTCPPorts = [ 22 ];"
LAB = "inventories/lab.py"


@pytest.fixture
def copy(tmp_path):
    return Checkout.copy_to(tmp_path / "estate")


@pytest.mark.fault(
    "a broken release of the edge binary",
    sees="which node's health failed and why; it stopped at the canary, which runs what it ran before",
    codes=[4],
    hosts=" ".join(NODES),
)
@pytest.mark.parametrize("fault", ["unhealthy", "crash", "mute"])
def test_a_broken_release_stops_at_the_canary_and_returns(copy, fault):
    before = all_run()
    keep(CANARY, "one", "what a customer stored")
    copy.with_release(f"9.9.9-{fault}", fault)
    run = copy.deploy(*FLEET)
    assert run.code == ExitCode.RETURNED, run.text
    assert "stopped before Edge" in run.text
    assert f"{CANARY}/generation: not well after the change" in run.text
    assert all_run() == before
    # On a machine with much else to do the old release takes seconds to start
    assert {name: health(name, within=20) for name in NODES} == dict.fromkeys(NODES, 200)
    assert kept(CANARY, "one") == "what a customer stored"


@pytest.mark.fault(
    "a release that works but fails every second request",
    sees="how many requests fail, and how many did before; the node runs what it ran before",
    codes=[4],
    hosts=" ".join(NODES),
)
def test_a_release_whose_errors_rise_returns(copy):
    before = all_run()
    copy.with_release("9.9.9-errors", "errors")
    # The bridge's hour has the old release's requests as well
    copy.edit("lab/mesh.py", '"soak": 4', '"soak": 25')
    stop = threading.Event()

    def customers():
        with public(2) as client:
            while not stop.wait(0.1):
                try:
                    client.get(f"https://{PUBLIC[CANARY]}/api/vault/one")
                except httpx.HTTPError:
                    continue

    thread = threading.Thread(target=customers)
    thread.start()
    try:
        run = copy.deploy(*FLEET)
    finally:
        stop.set()
        thread.join()
    assert run.code == ExitCode.RETURNED, run.text
    assert "requests fail" in run.text
    assert all_run() == before


@pytest.mark.fault(
    "a release that migrates the database and then fails",
    sees="that the node is not well; database and binary of before are back, the newer database is kept aside",
    codes=[4],
    hosts=CANARY,
)
def test_a_failed_migration_gives_the_database_back(copy):
    before = all_run()
    keep(CANARY, "two", "from before the migration")
    copy.with_release("2.0.0-migrate", "migrate", schema=2)
    # It is well by itself: the gate is told otherwise
    copy.edit("estate/operations/edge_gate.sh", "exit 0\n", "echo 'not as this test wants it'\nexit 0\n")
    run = copy.deploy("--limit", CANARY)
    assert run.code == ExitCode.RETURNED, run.text
    assert all_run() == before
    assert kept(CANARY, "two") == "from before the migration"
    assert "returned-" in inside(CANARY, "ls /var/lib/clavitor/backups")


@pytest.mark.fault(
    "a firewall of a node that locks the operator out",
    sees="no way in after the change; the node took it back by itself",
    codes=[4],
    hosts=" ".join(NODES),
)
@pytest.mark.parametrize("names", [(CANARY, SPOKE), (HUB,)], ids=["spokes", "hub"])
def test_a_firewall_mistake_returns_by_itself(copy, names):
    before = {name: runs(name) for name in names}
    copy.edit(SSH, ONLY_MESH, ONLY_MESH.replace("22", "2222"))
    # A run for each: in one run the second would not be tried
    with ThreadPoolExecutor(len(names)) as pool:
        done = list(pool.map(lambda name: copy.deploy("--limit", name), names))
    for run in done:
        assert run.code == ExitCode.RETURNED, run.text
    assert {name: runs(name) for name in names} == before
    assert all(in_mesh(name) for name in names)


@pytest.mark.fault(
    "controller killed while a node switches",
    sees="the node took the switch back by itself; the next run finishes it",
    codes=[0],
    hosts=CANARY,
)
def test_the_controller_is_killed_in_the_middle_of_a_wave(copy):
    before = runs(CANARY)
    copy.with_release("9.9.9-unhealthy", "unhealthy")
    process = copy.start(*FLEET)
    end = time.monotonic() + 120
    while runs(CANARY)[1] == before[1]:
        assert time.monotonic() < end, process.communicate()[0]
        time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 45 + 30
    while runs(CANARY) != before or health(CANARY) != 200:
        assert time.monotonic() < end, "the node did not go back by itself"
        time.sleep(1)
    run = Checkout().deploy_when_free(*FLEET)
    assert run.code == 0, run.text
    assert all_run()[CANARY] == before


@pytest.fixture
def offline():
    """A spoke whose way to the hub is gone."""
    inside(
        SPOKE,
        "nft add table inet fault; nft 'add chain inet fault out { type filter hook output priority 0; }';"
        # The road's port for it, and the hub's own
        "nft add rule inet fault out udp dport '{ 51820, 52000-52999 }' drop",
    )
    yield SPOKE
    inside(SPOKE, "nft delete table inet fault 2>/dev/null || :")
    assert in_mesh(SPOKE, 60)


@pytest.mark.fault(
    "a node is offline during a rollout",
    sees="that it is quarantined, by name; it catches up with the next rollout",
    codes=[0],
    hosts=SPOKE,
)
def test_an_offline_node_is_quarantined_and_catches_up(copy, offline):
    digest = copy.with_release("1.1.0")
    code, nodes = status()
    assert (code, nodes[offline]["state"], nodes[CANARY]["state"]) == (ExitCode.UNREACHABLE, "away", "current")
    argv = [str(BIN / "estate"), "edge", "rollout", LAB, "--yes"]
    run = subprocess.run(argv, cwd=copy.root, env={**environment(copy)}, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"quarantined: {offline}" in run.stderr
    assert runs(CANARY)[1] == f"releases/{digest[:16]}" != runs(offline)[1]
    assert health(offline) == 200
    inside(offline, "nft delete table inet fault")
    assert in_mesh(offline, 60)
    run = subprocess.run(argv, cwd=copy.root, env={**environment(copy)}, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    assert runs(offline)[1] == f"releases/{digest[:16]}"


def environment(copy):
    return os.environ | {"PYTHONPATH": str(copy.root), "COLUMNS": "200", "PYINFRA_PROGRESS": "off"}


@pytest.mark.fault(
    "the hub of the fleet is down",
    sees="the hub is unreachable, nothing is changed; nodes keep serving, and are pushed to again afterwards",
    codes=[6],
    hosts=" ".join(NODES),
)
def test_nodes_serve_without_the_hub():
    docker("stop", "--time", "2", f"estate-lab-{HUB}")
    try:
        assert health(SPOKE) == health(CANARY) == 200
        keep(SPOKE, "three", "while the hub was away")
        run = Checkout().deploy("--limit", SPOKE)
        assert run.code == ExitCode.UNREACHABLE, run.text
        assert kept(SPOKE, "three") == "while the hub was away"
    finally:
        docker("start", f"estate-lab-{HUB}")
    assert in_mesh(HUB, 120)
    assert in_mesh(SPOKE, 120)
    began = time.time()
    while any(bridge()[name]["received"] < began for name in NODES):
        assert time.time() - began < 60, "telemetry does not come back"
        time.sleep(1)


@pytest.fixture
def wrong_clock():
    """A spoke whose clock is two hours ahead, for all that ask it: hosts of the lab share the machine's own."""
    fake = (
        "#!/bin/sh\ncase $* in\n"
        "+%s) echo $(($(/var/tmp/date +%s) + 7200)) ;;\n"
        "+%s.%N) echo $(($(/var/tmp/date +%s) + 7200)).0 ;;\n"
        '*) exec /var/tmp/date "$@" ;;\nesac\n'
    )
    inside(
        SPOKE,
        f"cp /usr/bin/date /var/tmp/date\ncat >/var/tmp/fake-date <<'END'\n{fake}END\n"
        "chmod 755 /var/tmp/fake-date; mount --bind /var/tmp/fake-date /usr/bin/date",
    )
    yield SPOKE
    inside(SPOKE, "umount /usr/bin/date; rm -f /var/tmp/date /var/tmp/fake-date")


@pytest.mark.fault(
    "the clock of a node is wrong",
    sees="by how much it is off; nothing is changed on any node; the status calls it ill",
    codes=[3],
    hosts=SPOKE,
)
def test_a_node_with_a_wrong_clock_is_refused_and_shown(copy, wrong_clock):
    before = all_run()
    code, nodes = status()
    assert code == ExitCode.FAILED
    assert any("s ahead" in text for text in nodes[wrong_clock]["ill"])
    copy.with_release("1.3.0")
    run = copy.deploy(*FLEET)
    assert run.code == ExitCode.REFUSED, run.text
    assert f"{wrong_clock}/clock: its clock is 7" in run.text
    assert all_run() == before


@pytest.mark.fault(
    "the disk of a node is full",
    sees="how much room there is and how much is wanted; nothing that runs is changed",
    codes=[5],
    hosts=CANARY,
)
def test_a_node_without_room_is_refused_before_it_is_changed(copy):
    before = all_run()
    copy.with_release("1.2.0")
    inside(
        CANARY,
        "cp -a /opt/clavitor /opt/clavitor.kept && mount -t tmpfs -o size=40m tmpfs /opt/clavitor"
        " && cp -a /opt/clavitor.kept/. /opt/clavitor/",
    )
    try:
        run = copy.deploy("--limit", CANARY)
        assert run.code in (ExitCode.NOT_RETURNED, ExitCode.REFUSED), run.text
        assert "no room for the release" in run.text or "free" in run.text
        assert all_run() == before
    finally:
        inside(CANARY, "umount -l /opt/clavitor; rm -rf /opt/clavitor.kept; systemctl restart clavitor")
