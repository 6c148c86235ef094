"""The scripts that read and change a Proxmox node, against tools that refuse what is not documented."""

from hashlib import sha256

import pytest
from pve_node import TEMPLATE, Node, container, node

from estate.operations.proxmox import bootstrap_step, container_steps, steps_script
from estate.plan import pct
from estate.plan.proxmox import realm_keys, shared
from estate.plan.pve_refusals import refusals

FULL = {
    "storages": [
        {
            "kind": "nfs",
            "name": "omv",
            "server": "omv.example",
            "export": "/export/backups",
            "options": "vers=4.2",
            "content": ["backup"],
            "retention": {"daily": 7, "weekly": 4},
        }
    ],
    "templates": ["debian-12-standard"],
    "backup_jobs": [{"name": "nightly", "schedule": "01:30", "storage": "omv", "retention": {"daily": 7}}],
    "realms": [
        {
            "name": "authentik",
            "issuer_url": "https://auth.example/application/o/proxmox/",
            "client_id": "proxmox",
            "client_secret": "OIDC_PROXMOX",
            "groups_claim": "groups",
        }
    ],
    "access": {
        "roles": [{"name": "Deploy", "privileges": ["VM.Audit", "VM.Allocate"]}],
        "groups": [{"name": "ops", "comment": "operators"}],
        "users": [{"name": "svc@pve", "groups": ["ops"]}],
        "tokens": [{"user": "svc@pve", "name": "deploy"}],
        "acl": [
            {"path": "/", "role": "PVEAdmin", "group": "ops"},
            {"path": "/vms", "role": "Deploy", "token": "svc@pve!deploy"},
        ],
    },
}


@pytest.fixture
def lab(tmp_path):
    return Node(tmp_path)


def apply(lab, declared, *containers):
    """One run: what the operations do, in their order; returns the changes as text."""
    state = lab.read(declared, *containers)
    assert refusals(declared, containers, state) == []

    class Place:
        node = declared

    Place.declared = containers
    steps = [*shared(declared, containers, state), *container_steps(Place, state)]
    steps += [bootstrap_step(*found) for found in pct.to_bootstrap(declared, containers, state)]
    result = lab.run(steps_script(steps))
    assert result.returncode == 0, result.stderr
    return [str(step.change) for step in steps]


def test_from_a_bare_node_to_everything_and_a_second_run_changes_nothing(lab):
    declared, own = node(**FULL), container()
    changes = apply(lab, declared, own)
    assert [line.split(" (")[0] for line in changes] == [
        "create api proxmox storage omv",
        "create api proxmox role Deploy",
        "create api proxmox group ops",
        "create api proxmox user svc@pve",
        "create api proxmox token svc@pve!deploy",
        "create api proxmox access /",
        "create api proxmox access /vms",
        "create api proxmox realm authentik",
        "create api proxmox backup job nightly",
        f"download api proxmox template {TEMPLATE}",
        "create container postgres",
        "start container postgres",
        "bootstrap container postgres",
    ]
    assert lab.state["guests"]["141"]["status"] == "running"
    assert apply(lab, declared, own) == []


def test_the_value_of_a_token_is_in_its_file_and_in_no_argument(lab):
    apply(lab, node(**FULL), container())
    kept = lab.root / "estate" / "proxmox-tokens" / "svc@pve!deploy"
    assert kept.read_text().strip() == "11111111-2222-3333-4444-555555555555"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not any("11111111" in call for call in lab.calls())


def test_a_token_whose_value_was_lost_on_the_way_is_made_again(lab):
    declared = node(**FULL)
    apply(lab, declared)
    kept = lab.root / "estate" / "proxmox-tokens"
    (kept / "svc@pve!deploy").unlink()
    (kept / ".making-svc@pve!deploy").touch()
    assert apply(lab, declared) == ["create api proxmox token svc@pve!deploy (its value stays on the node)"]
    assert (kept / "svc@pve!deploy").exists()
    assert apply(lab, declared) == []


def test_the_client_key_is_compared_by_its_digest(lab):
    declared = node(**FULL)
    apply(lab, declared)
    secrets = {"OIDC_PROXMOX": "s3cret-Value-of-the-client"}
    assert [str(c) for _, c in realm_keys(declared, lab.read(declared), secrets)] == [
        "update api proxmox realm authentik: client key (not set)"
    ]
    state = lab.state
    state["realms"]["authentik"]["client-key"] = secrets["OIDC_PROXMOX"]
    lab.write(state)
    read = lab.read(declared)
    assert read.realms["authentik"]["client-key"] == sha256(b"s3cret-Value-of-the-client").hexdigest()
    assert secrets["OIDC_PROXMOX"] not in repr(read)
    assert realm_keys(declared, read, secrets) == []


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        (
            {"resources": {"cpus": 4, "memory": "8g"}},
            ["update container postgres (141) (cores 2 to 4, memory 4096 to 8192)"],
        ),
        (
            {"rootfs": {"storage": "local-lvm", "size": "30g"}},
            ["resize container postgres (141) (rootfs 20 to 30 GiB)"],
        ),
        (
            {"address": "192.0.2.51"},
            ["update container postgres (141) (net0: ip 192.0.2.41/24 to 192.0.2.51/24)"],
        ),
        (
            {"features": ("nesting",)},
            [
                "update container postgres (141) (features: keyctl 1 to none)",
                "restart container postgres (141) (features cannot be changed while it runs)",
            ],
        ),
        ({"running": False}, ["stop container postgres (141) (declared as not running)"]),
        ({"start": {"order": 2}}, ["update container postgres (141) (startup none to order=2)"]),
        (
            {"mounts": ({"path": "/backup", "source": "/mnt/pve/omv/pg", "no_backup": "is one"},)},
            ["update container postgres (141) (mp0: mp none to /backup, volume none to /mnt/pve/omv/pg)"],
        ),
    ],
    ids=["resources", "disk", "address", "features", "stopped", "start order", "bind mount"],
)
def test_a_change_is_planned_done_and_then_there(lab, over, expected):
    apply(lab, node(), container())
    changed = container(**over)
    assert apply(lab, node(), changed) == expected
    assert apply(lab, node(), changed) == []


def test_the_mac_address_and_other_peoples_tags_stay(lab):
    apply(lab, node(), container())
    state = lab.state
    state["configs"]["141"]["tags"] = "mine;estate"
    lab.write(state)
    apply(lab, node(), container(address="192.0.2.51"))
    assert "hwaddr=BC:24:11:00:00:01" in lab.state["configs"]["141"]["net0"]
    assert lab.state["configs"]["141"]["tags"] == "mine;estate"


def test_a_container_that_somebody_deleted_is_made_anew(lab):
    apply(lab, node(), container())
    state = lab.state
    state["guests"], state["configs"] = {}, {}
    lab.write(state)
    assert [line.split(" (")[0] for line in apply(lab, node(), container())] == [
        "create container postgres",
        "start container postgres",
        "bootstrap container postgres",
    ]


def test_a_container_without_sshd_or_without_its_admin_is_bootstrapped_again(lab):
    apply(lab, node(), container())
    state = lab.state
    state["guests"]["141"]["inside"] = "sshd"
    lab.write(state)
    assert apply(lab, node(), container()) == ["bootstrap container postgres (141) (mitch cannot log in)"]


def test_a_container_is_moved_by_the_node_that_has_it(tmp_path):
    lab = Node(tmp_path, nodes=["dl380p", "i5"])
    apply(lab, node(), container())
    assert apply(lab, node(), container(node="i5")) == ["migrate container postgres (141) (dl380p to i5)"]
    assert lab.calls()[-1] == "pct migrate 141 i5 --restart 1"


def test_a_container_on_another_node_is_left_to_that_one(tmp_path):
    there = {"vmid": 141, "name": "postgres", "type": "lxc", "node": "i5", "status": "running"}
    lab = Node(tmp_path, nodes=["dl380p", "i5"], elsewhere=[there])
    assert apply(lab, node(), container()) == []


def test_what_is_removed_from_the_declaration_stays(lab):
    apply(lab, node(**FULL), container(), container("n8n", 43))
    assert apply(lab, node(), container()) == []
    assert set(lab.state["guests"]) == {"141", "143"}
    assert [guest.name for guest in pct.undeclared([container()], lab.read(node()))] == ["n8n"]


def test_templates_are_the_newest_by_number_and_the_catalog_is_fetched_when_it_is_empty(tmp_path):
    lab = Node(tmp_path, available=[], after_update=["debian-12-standard_12.9-1_amd64.tar.zst", TEMPLATE])
    assert apply(lab, node(templates=["debian-12-standard"])) == [
        f"download api proxmox template {TEMPLATE} (kept on the node)"
    ]


def test_a_step_that_fails_says_which_and_ends_the_script(lab):
    declared, own = node(), container()
    state = lab.read(declared, own)
    steps = [*pct.containers(declared, [own], state)]
    result = lab.run(steps_script(steps))
    assert result.returncode == 1
    assert "create container postgres (141)" in result.stderr
    assert "pct create ended with 2" in result.stderr
    assert not any(call.startswith("pct start") for call in lab.calls())


def test_a_quorum_that_was_lost_after_the_plan_stops_the_script_before_it_writes(lab):
    own = container()
    steps = pct.containers(node(), [own], lab.read(node(), own))
    (lab.root / "pve").mkdir()
    (lab.root / "pve" / "corosync.conf").touch()
    lab.write(lab.state | {"quorate": "No"})
    result = lab.run(steps_script(steps))
    assert result.returncode == 1
    assert "no quorum" in result.stderr
    assert not any(call.startswith("pct create") for call in lab.calls())
    assert not lab.read(node(), own).quorate


def test_a_machine_without_proxmox_is_said_to_be_none(tmp_path):
    lab = Node(tmp_path)
    (tmp_path / "bin" / "pvesh").unlink()
    state = lab.read(node())
    assert "has no pvesh" in state.error
    assert [fault.path for fault in refusals(node(), [], state)] == ["dl380p/proxmox"]
