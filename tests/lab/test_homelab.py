"""The homelab: from nothing and back, converged, and a container changed, moved and destroyed as it is declared."""

import pytest
from estate_copy import Checkout, estate_command, inside
from homelab_scenes import (
    ADDRESS,
    ELSEWHERE,
    IN_SPARE,
    LAB,
    NAME,
    NODE,
    ON_NODE,
    OTHER,
    VMID,
    address_of,
    conf,
    copy_with_spare,
    declare,
    destroyed,
    in_container,
    own_key,
    pinned_keys,
    remove_spare,
)

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.homelab

ALL = tuple(word for group in ("proxmox", "nas", "homelab", "vps") for word in ("--limit", group))
RUSTDESK = 144


def test_a_destroyed_container_comes_back_from_nothing():
    where = address_of("rustdesk")
    before, public = own_key(RUSTDESK), in_container(RUSTDESK, "cat /opt/homelab/secrets/hbbs/id_ed25519.pub")
    assert destroyed("rustdesk", "rustdesk").code == 0
    assert conf(vmid=RUSTDESK) == ""
    status = estate_command("homelab", "status", LAB)
    assert status.code == 1, status.text
    assert "rustdesk: does not exist; `estate homelab up` makes it" in status.text
    up = estate_command("homelab", "up", LAB, "-y")
    assert up.code == 0, up.text
    assert "rustdesk: SHA256:" in up.text
    key = own_key(RUSTDESK)
    assert key != before
    assert pinned_keys(where) == {key}
    healthy = "docker ps --filter health=healthy --format '{{.Names}}'"
    assert in_container(RUSTDESK, healthy) == "hbbs\n"
    assert in_container(RUSTDESK, "cat /opt/homelab/secrets/hbbs/id_ed25519.pub") == public, "clients know that key"


def test_a_second_run_changes_nothing_on_any_host_and_the_plan_says_so():
    run = Checkout().deploy(*ALL)
    assert run.code == 0, run.text
    assert run.changes == []
    plan = estate_command("plan", LAB, *ALL)
    assert plan.code == 0, plan.text
    assert "10 hosts: nothing to do" in plan.text


def test_the_status_has_a_row_for_every_container_and_says_what_is_given_away():
    status = estate_command("homelab", "status", LAB)
    assert status.code == 0, status.text
    lines = [line for line in status.text.splitlines() if line.startswith("│")]
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    declared = {"postgres": 41, "authentik": 42, "n8n": 43, "rustdesk": 44, "monitoring": 45, "obsidian": 46}
    assert [row[:4] for row in rows] == [[n, str(100 + i), NODE, "running"] for n, i in declared.items()]
    assert rows[0][4].endswith(" of 2")
    assert rows[0][5].endswith(" of 4 GiB")
    assert rows[0][6].endswith(" of 20 GiB")
    assert "dl380p: 14 of 32 cores, 19 of 96 GiB, 200 of 400 GiB on local-lvm" in status.text


@pytest.fixture(scope="module")
def spare(tmp_path_factory):
    """A copy that declares one container more, made and deployed."""
    copy = copy_with_spare(tmp_path_factory.mktemp("spare") / "estate")
    remove_spare()
    made = copy.deploy(*ON_NODE)
    assert made.code == 0, made.text
    trusted = estate_command("homelab", "trust", LAB, NAME, root=copy.root)
    assert trusted.code == 0, trusted.text
    run = copy.deploy(*IN_SPARE)
    assert run.code == 0, run.text
    yield copy
    remove_spare()


def seen(run):
    """What a run changed, or a plan would change, of containers: name, action and reasons."""
    return {(c["name"], c["action"], *c["why"]) for c in run.changes if c["kind"] == "container"}


SIZES = """
cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes
cut -d' ' -f1 /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
df --output=size --block-size=1G / | tail -n 1
cut -d' ' -f1 /proc/1/stat; cut -d' ' -f22 /proc/1/stat
"""
"""Memory and processor time of a container, its disk, and when its first process began."""


def test_cores_memory_and_disk_grow_while_it_runs_and_the_plan_is_what_the_run_does(spare):
    before = in_container(VMID, SIZES).split()
    declare(spare, resources={"cpus": 2, "memory": "2g"}, rootfs={"storage": "local-lvm", "size": "6g"})
    plan = spare.dry_run(*ON_NODE)
    assert plan.code == 0, plan.text
    assert seen(plan) == {
        (f"{NAME} ({VMID})", "update", "cores 1 to 2", "memory 1024 to 2048"),
        (f"{NAME} ({VMID})", "resize", "rootfs 4 to 6 GiB"),
    }
    assert in_container(VMID, SIZES).split() == before, "a plan changed it"
    run = spare.deploy(*ON_NODE)
    assert run.code == 0, run.text
    assert run.keys("run") == plan.keys("plan")
    memory, quota, disk, *began = in_container(VMID, SIZES).split()
    assert (memory, quota, disk) == (str(2 * 1024**3), "200000", "6")
    assert began == before[3:], "it was started anew"


def test_a_disk_that_would_shrink_is_refused_before_anything_is_changed(spare):
    before = conf()
    declare(spare, resources={"cpus": 1, "memory": "1g"}, rootfs={"storage": "local-lvm", "size": "5g"})
    run = spare.deploy(*ON_NODE)
    assert run.code == ExitCode.REFUSED, run.text
    assert f"{NODE}/containers/{NAME}/rootfs: " in run.text
    assert "declare 6g" in run.text
    assert run.changes == []
    assert conf() == before


LARGER = {"resources": {"cpus": 2, "memory": "2g"}, "rootfs": {"storage": "local-lvm", "size": "6g"}}
SERVICE = """
from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Health, Limits, Service

{constant} = Service(
    name="{name}",
    purpose="of a test",
    image=image("docker.io/rustdesk/rustdesk-server-s6:1.1.16"),
    entrypoint=("/bin/sh", "-c", "exec sleep 1000000"),
    user="1000:1000",
    limits=Limits(cpus=0.25, memory="64m", pids=16),
    health=Health.shell("true", start_period=1),
    backup=NoBackup(reason="keeps nothing"),
)
"""


def test_a_service_is_added_to_a_container_and_removed_again(spare):
    for name in ("dozer", "sleeper"):
        text = SERVICE.format(name=name, constant=name.upper())
        (spare.root / "estate" / "services" / f"{name}.py").write_text(text.lstrip())
    declare(spare, **LARGER, services=("dozer", "sleeper"))
    added = spare.deploy(*IN_SPARE)
    assert added.code == 0, added.text
    running = "docker ps --filter health=healthy --format '{{.Names}} {{.ID}}' | sort"
    both = dict(line.split() for line in in_container(VMID, running).splitlines())
    assert set(both) == {"dozer", "sleeper"}
    declare(spare, **LARGER, services=("sleeper",))
    plan = spare.dry_run(*IN_SPARE)
    assert plan.code == 0, plan.text
    assert ("dozer", "delete") in {(c["name"], c["action"]) for c in plan.changes}
    removed = spare.deploy(*IN_SPARE)
    assert removed.code == 0, removed.text
    assert removed.keys("run") == plan.keys("plan")
    assert in_container(VMID, running).split() == ["sleeper", both["sleeper"]]


def test_a_container_gets_another_address_and_is_reached_there(spare):
    key = own_key(VMID)
    declare(spare, **LARGER, services=("sleeper",), ssh_hostname=ELSEWHERE)
    moved = spare.deploy(*ON_NODE)
    assert moved.code == 0, moved.text
    assert seen(moved) == {(f"{NAME} ({VMID})", "update", f"net0: ip {ADDRESS}/24 to {ELSEWHERE}/24")}
    trusted = estate_command("homelab", "trust", LAB, NAME, root=spare.root)
    assert trusted.code == 0, trusted.text
    assert pinned_keys(ELSEWHERE) == {key}
    run = spare.deploy(*IN_SPARE)
    assert run.code == 0, run.text
    assert "(healthy)" in in_container(VMID, "docker ps")


def test_a_container_moves_to_the_other_node_and_back_to_its_address(spare):
    """In one run: its own node changes the address, then hands it over."""
    key = own_key(VMID)
    declare(spare, **LARGER, services=("sleeper",), node=OTHER)
    run = spare.deploy("--limit", "proxmox")
    assert run.code == 0, run.text
    assert seen(run) == {
        (f"{NAME} ({VMID})", "update", f"net0: ip {ELSEWHERE}/24 to {ADDRESS}/24"),
        (f"{NAME} ({VMID})", "migrate", f"{NODE} to {OTHER}"),
    }
    assert conf(NODE) == ""
    assert own_key(VMID, OTHER) == key
    # It was started anew there: with what runs in it, and to be reached where it is declared
    healthy = "docker ps --filter health=healthy --format '{{.Names}}' 2>/dev/null | grep -qx sleeper"
    in_container(VMID, f'timeout 120 sh -c "until {healthy}; do sleep 0.5; done"', OTHER)
    plan = spare.dry_run("--limit", OTHER, *IN_SPARE)
    assert plan.code == 0, plan.text
    assert [c for c in plan.changes if c["kind"] == "container"] == []


def test_a_container_is_destroyed_only_when_its_name_is_typed(spare):
    refused = destroyed(NAME, NAME.upper(), spare)
    assert refused.code == 1, refused.text
    assert f"{NAME}: not confirmed; type exactly its name" in refused.text
    assert conf(OTHER), "a wrong word destroyed it"
    done = destroyed(NAME, NAME, spare)
    assert done.code == 0, done.text
    assert f"{NAME} ({VMID}) is destroyed" in done.text
    assert conf(OTHER) == ""
    assert f"vm-{VMID}-disk" not in inside(OTHER, "pvesm list local-lvm")
