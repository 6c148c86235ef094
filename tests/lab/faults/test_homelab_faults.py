"""The homelab under fault: nodes, their quorum and storages, containers half made or gone, the tunnel."""

import json
import time

import pytest
from estate_copy import Checkout, estate_command, inside
from homelab_scenes import (
    ADDRESS,
    IN_SPARE,
    LAB,
    NAME,
    NODE,
    ON_NODE,
    OTHER,
    VMID,
    await_site,
    conf,
    copy_with_spare,
    in_container,
    own_key,
    pinned_keys,
    remove_spare,
)
from scenes import await_mark, finish, heal, slow

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.homelab

NODES = ("--limit", "proxmox")
MONITORING = 145


@pytest.fixture
def wanted(tmp_path):
    """A copy that wants a container more than there is: what refuses to make it, refuses to change anything."""
    remove_spare()
    yield copy_with_spare(tmp_path / "estate")
    remove_spare()


@pytest.fixture
def cut():
    """Cut a host off from everybody, as if its cable were pulled."""
    gone = []

    def pull(name):
        gone.append(name)
        inside(
            name,
            "nft add table inet fault; nft 'add chain inet fault in { type filter hook input priority -300; }';"
            "nft add rule inet fault in iif != lo drop",
        )

    yield pull
    for name in gone:
        heal(name)


def refused(copy, *expected):
    run = copy.deploy(*ON_NODE)
    assert run.code == ExitCode.REFUSED, run.text
    for text in expected:
        assert text in run.text, run.text
    assert run.changes == []
    assert conf() == "", "it was made all the same"


@pytest.mark.fault(
    "a Proxmox node is down",
    sees="which one, and that `--exclude` leaves it out when it is optional; without it there is no quorum",
    codes=[6, 3],
    hosts="dl380p i5",
)
def test_a_node_that_is_down_is_named_and_nothing_is_changed(wanted, cut):
    wanted.edit(LAB, "all = connected", 'proxmox[1][1]["optional"] = True\nall = connected')
    cut(OTHER)
    run = wanted.deploy(*NODES)
    assert run.code == ExitCode.UNREACHABLE, run.text
    assert f"{OTHER}: unreachable: " in run.text
    assert f"it is optional: `--exclude {OTHER}` leaves it out" in run.text
    assert run.changes == []
    without = wanted.deploy(*NODES, "--exclude", OTHER)
    assert without.code == ExitCode.REFUSED, without.text
    assert f"{NODE}/proxmox/quorum: " in without.text
    assert without.changes == []


@pytest.mark.fault(
    "the Proxmox cluster has lost its quorum",
    sees="that nothing can be written, and what brings it back; the status says so too",
    codes=[3],
    hosts="dl380p",
)
def test_without_a_quorum_nothing_is_changed(wanted, cut):
    cut(OTHER)
    refused(wanted, f'{NODE}/proxmox/quorum: pvecm status says not "Quorate: Yes"', "bring the other node back")
    status = estate_command("homelab", "status", LAB)
    assert status.code == 1
    assert f"{NODE}: its cluster has no quorum: nothing can be changed" in status.text


@pytest.mark.fault(
    "the quorum is lost between plan and change",
    sees="that nothing was written, and what brings it back; the next run does it",
    codes=[4, 0],
    hosts="dl380p",
)
def test_a_quorum_that_is_lost_on_the_way_is_seen_before_the_first_write(wanted, cut):
    slow(wanted, 20, (NODE,))
    process = wanted.start(*ON_NODE)
    await_mark(NODE)
    cut(OTHER)
    code, text = finish(process)
    assert code == ExitCode.RETURNED, text
    assert "the cluster has no quorum: nothing was written (bring the other node back" in text
    assert conf() == "", "it was made all the same"
    heal(OTHER)
    run = wanted.deploy_when_free(*ON_NODE)
    assert run.code == 0, run.text
    assert conf()


@pytest.mark.fault(
    "a container was deleted behind our back",
    sees="that its node does not have it, and `estate homelab up`, which makes it and pins its new key",
    codes=[6, 0],
    hosts="dl380p obsidian",
)
def test_a_container_that_was_deleted_comes_back():
    vmid, old = 146, pinned_keys("10.99.0.46")
    inside(NODE, f"pct set {vmid} --protection 0 && pct stop {vmid} && pct destroy {vmid} --purge 1")
    run = Checkout().deploy(*ON_NODE, "--limit", "obsidian")
    assert run.code == ExitCode.UNREACHABLE, run.text
    assert (
        f"obsidian: container {vmid} does not exist on {NODE}; `estate homelab up inventories/lab.py` makes it"
        in run.text
    )
    up = estate_command("homelab", "up", LAB, "--nodes-only", "--yes")
    assert up.code == 0, up.text
    assert "replaces another one" in up.text
    assert pinned_keys("10.99.0.46") == {own_key(vmid)} != old
    inner = Checkout().deploy("--limit", "obsidian")
    assert inner.code == 0, inner.text
    assert in_container(vmid, "docker ps --filter health=healthy --format '{{.Names}}'") == "couchdb\n"


@pytest.mark.fault(
    "a container's template is not to be had",
    sees="which one, and which are; before any change",
    codes=[3],
    hosts="dl380p",
)
def test_a_wrong_template_is_refused_before_any_change(tmp_path):
    remove_spare()
    copy = copy_with_spare(tmp_path / "estate", template="debian-12-standrad")
    refused(copy, f"{NODE}/containers/{NAME}/template: debian-12-standrad is not to be had; did you mean debian-12-")


@pytest.fixture
def full():
    """The pool of the node holds no more than what lies in it."""
    machine = "/etc/estate-lab/proxmox.json"
    before = inside(NODE, f"cat {machine}")
    inside(NODE, f"cat >{machine} <<'EOF'\n{json.dumps(json.loads(before) | {'thinpool': 1024**3})}\nEOF")
    yield
    inside(NODE, f"cat >{machine} <<'EOF'\n{before}\nEOF")


@pytest.mark.fault(
    "a Proxmox storage is full",
    sees="how much is wanted for whom and how much is free; before any change",
    codes=[3],
    hosts="dl380p",
)
def test_a_full_storage_is_refused_before_any_change(wanted, full):
    refused(wanted, f"{NODE}/storages/local-lvm: 4 GiB are wanted ({NAME} 4), 0.0 are free")


BACKUPS = "find /var/lib/vz /mnt/pve /var/lib/pve-standin /tmp /var/tmp -name 'vzdump-*' 2>/dev/null | sort"


@pytest.mark.fault(
    "the NFS store of the Proxmox nodes is gone",
    sees="a warning: no backup is written to it; a backup fails and says why, and nothing is written locally",
    codes=[0],
    hosts="dl380p",
)
def test_without_its_store_a_node_is_deployed_to_and_writes_no_backup_anywhere():
    before = inside(NODE, BACKUPS)
    inside("omv", "systemctl stop ssh")
    try:
        run = Checkout().deploy(*ON_NODE)
        assert run.code == 0, run.text
        assert f"{NODE}: storage omv is not active: no backup is written to it until it is back" in run.text
        said = inside(NODE, "estate-watch backup-proxmox --run 2>&1; echo code $?")
        assert "could not activate storage 'omv'" in said
        assert said.endswith("code 2\n")
        assert "storage omv is not mounted" in inside(NODE, "estate-watch backup-proxmox --quiet", check=False)
        assert inside(NODE, BACKUPS) == before
    finally:
        inside("omv", "systemctl start ssh")


@pytest.mark.fault(
    "a VMID is somebody else's",
    sees="whose it is, and what to do when it is the same one; before any change",
    codes=[3],
    hosts="dl380p",
)
def test_a_container_of_somebody_else_is_left_alone(tmp_path):
    remove_spare()
    theirs = (
        f"arch: amd64\nhostname: theirs\nmemory: 512\nrootfs: local-lvm:vm-{VMID}-disk-0,size=4G\nunprivileged: 1\n"
    )
    path = f"/etc/pve/nodes/{NODE}/lxc/{VMID}.conf"
    inside(NODE, f"cat >{path} <<'EOF'\n{theirs}EOF")
    try:
        run = copy_with_spare(tmp_path / "estate").deploy(*ON_NODE)
        assert run.code == ExitCode.REFUSED, run.text
        assert f"{NODE}/containers/{NAME}: VMID {VMID} is container theirs already" in run.text
        assert run.changes == []
        assert conf() == theirs
        # Without a claim to it, it is only named
        alone = Checkout().deploy(*ON_NODE)
        assert alone.code == 0, alone.text
        assert f"not declared, left alone: theirs ({VMID})" in alone.text
        assert conf() == theirs
    finally:
        inside(NODE, f"rm {path}")


def await_half_made(process, seconds=120):
    """Until the container is being made: it is there, and locked."""
    end = time.monotonic() + seconds
    while "lock: create" not in conf():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.fault(
    "controller killed while a container is made",
    sees="the next run: locked until the node's command has ended, then which run was interrupted; it finishes that",
    codes=[7, 0],
    hosts="dl380p",
)
def test_a_killed_controller_leaves_a_container_that_the_next_run_finishes(wanted):
    process = wanted.start(*ON_NODE)
    await_half_made(process)
    process.kill()
    process.communicate()
    assert wanted.deploy(*ON_NODE).code == ExitCode.LOCKED
    run = wanted.deploy_when_free(*ON_NODE, seconds=180)
    assert run.code == 0, run.text
    assert "was interrupted; this one finishes it" in run.text
    assert "lock:" not in conf()
    trusted = estate_command("homelab", "trust", LAB, NAME, root=wanted.root)
    assert trusted.code == 0, trusted.text
    assert pinned_keys(ADDRESS) == {own_key(VMID)}
    inner = wanted.deploy(*IN_SPARE)
    assert inner.code == 0, inner.text


@pytest.mark.fault(
    "a node's own work dies while a container is made",
    sees="which step failed; the next run refuses the half-made container and says how to remove it",
    codes=[5, 3, 0],
    hosts="dl380p",
)
def test_a_half_made_container_is_refused_with_what_to_do(wanted):
    process = wanted.start(*ON_NODE)
    await_half_made(process)
    inside(NODE, f"kill -9 $(pgrep -f '^/usr/bin/python3 .*pct create {VMID} ')")
    text, _ = process.communicate(timeout=180)
    assert process.returncode == ExitCode.NOT_RETURNED, text
    assert f"create container {NAME} ({VMID}) (on {NODE}, " in text
    assert ": pct create ended with 137" in text
    again = wanted.deploy(*ON_NODE)
    assert again.code == ExitCode.REFUSED, again.text
    assert f"{NODE}/containers/{NAME}: is locked (create)" in again.text
    assert f"`pct unlock {VMID}` on {NODE}, and destroy a container that was only half made" in again.text
    inside(NODE, f"pct unlock {VMID} && pct destroy {VMID}")
    run = wanted.deploy(*ON_NODE)
    assert run.code == 0, run.text
    assert "lock:" not in conf()
    assert own_key(VMID)


@pytest.mark.fault(
    "the tunnel to the homelab is cut",
    sees="sites answer 502 or 504, and tunnel-monitor says that no data come through; it comes back by itself",
    codes=[0],
    hosts="vps",
)
def test_a_cut_tunnel_is_noticed_and_comes_back_by_itself():
    await_site(True)
    inside(
        "vps",
        "nft add table inet fault; nft 'add chain inet fault in { type filter hook prerouting priority -300; }';"
        "nft add rule inet fault in udp dport 51820 drop",
    )
    try:
        assert await_site(False) in (0, 502, 504)
        said = in_container(MONITORING, "estate-watch tunnel-monitor --quiet || :")
        assert "no data come through the tunnel" in said
    finally:
        heal("vps")
    await_site(True)
    assert in_container(MONITORING, "estate-watch tunnel-monitor --quiet") == ""


STARTED = "docker inspect --format '{{.State.StartedAt}}' newt"
MEMORY = "/var/lib/estate-watch/tunnel-monitor.json"


@pytest.mark.fault(
    "the tunnel's end hangs, and its container is healthy",
    sees="tunnel-monitor says so, and starts it anew after three pages that did not come",
    codes=[0],
    hosts="monitoring",
)
def test_a_tunnel_that_hangs_is_started_anew():
    await_site(True)
    before = in_container(MONITORING, STARTED)
    # What this test did an hour ago would make the monitor wait
    in_container(MONITORING, f"rm -f {MEMORY}; kill -STOP $(docker inspect --format '{{{{.State.Pid}}}}' newt)")
    await_site(False)
    for _ in range(3):
        in_container(MONITORING, "systemctl start estate-watch-tunnel-monitor || :")
    await_site(True)
    assert in_container(MONITORING, STARTED) != before
    said = in_container(MONITORING, "journalctl -u estate-watch-tunnel-monitor -n 20 -o cat")
    assert "no data come through the tunnel" in said
    in_container(MONITORING, f"rm -f {MEMORY}")
