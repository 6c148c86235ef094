"""What `estate check` refuses of Proxmox nodes and containers, and what a node's own state refuses."""

from dataclasses import replace

import pytest
from pve_node import GIB, TEMPLATE, container, node
from pydantic import ValidationError

from estate.checks.proxmox import check, figures
from estate.models.proxmox import Mount, PveAcl, Retention
from estate.plan.proxmox_state import Guest, PveState, StorageStatus
from estate.plan.pve_refusals import refusals
from estate.plan.templates import chosen, version_of
from estate.render.host import tasks_of
from estate.sso.consumers import proxmox_realm

SEED = (("postgres", 2, 4, 20), ("authentik", 2, 3, 30), ("n8n", 4, 4, 40), ("rustdesk", 2, 2, 10))
SEED = (*SEED, ("monitoring", 2, 4, 50), ("obsidian", 2, 2, 50))


def seed(**over):
    return [
        container(
            name,
            41 + i,
            resources={"cpus": cores, "memory": f"{memory}g"},
            rootfs={"storage": "local-lvm", "size": f"{disk}g"},
            **over,
        )
        for i, (name, cores, memory, disk) in enumerate(SEED)
    ]


def faults(*hosts, stacks=()):
    found = check({host.name: host for host in hosts}, dict.fromkeys(stacks), "prod")
    return [f"{fault.path}: {fault.fault}" for fault in found]


def test_the_seed_fits_and_its_figures_are_its_own():
    assert faults(node(), *seed()) == []
    assert figures(node(), seed()) == "14 of 32 cores, 19 of 96 GiB, 200 of 400 GiB on local-lvm"


def test_every_over_allocation_is_refused_with_its_figures():
    small = node(resources={"cpus": 12, "memory": "16g"}, capacity={"local-lvm": "150g"})
    given = "postgres 2, authentik 2, n8n 4, rustdesk 2, monitoring 2, obsidian 2"
    assert faults(small, *seed()) == [
        f"inventories/prod/dl380p/resources/cpus: 14 of 12 cores are given to containers ({given})",
        "inventories/prod/dl380p/resources/memory: 19 of 16 GiB of memory are given to containers "
        "(postgres 4, authentik 3, n8n 4, rustdesk 2, monitoring 4, obsidian 2)",
        "inventories/prod/dl380p/capacity/local-lvm: 200 of 150 GiB of disk are given to containers "
        "(postgres 20, authentik 30, n8n 40, rustdesk 10, monitoring 50, obsidian 50)",
    ]


def test_a_volume_of_its_own_counts_and_a_bind_mount_does_not():
    volume = {"path": "/data", "storage": "local-lvm", "size": "390g", "backup": True}
    bind = {"path": "/backup", "source": "/mnt/pve/omv", "no_backup": "is one"}
    assert "410 of 400 GiB" in faults(node(), container(mounts=(volume, bind)))[0]


@pytest.mark.parametrize(
    ("over", "fault"),
    [
        ({"node": "dl380"}, 'postgres/node: "dl380" is no declared node'),
        ({"address": "192.0.3.41"}, "postgres/ssh_hostname: 192.0.3.41 is outside of 192.0.2.0/24"),
        ({"address": "192.0.2.255"}, "postgres/ssh_hostname: 192.0.2.255 is the network's own"),
        ({"address": "192.0.2.1"}, "postgres/ssh_hostname: 192.0.2.1 is the gateway's"),
        ({"address": "pg.example"}, 'postgres/ssh_hostname: "pg.example" is no IPv4 address'),
        (
            {"network": {"network": "192.0.2.0/24", "gateway": "192.0.9.1"}},
            "postgres/network/gateway: gateway 192.0.9.1 is outside of 192.0.2.0/24",
        ),
        ({"features": ("nesting",)}, "postgres/features: Docker needs keyctl in a container"),
        ({"features": ()}, "postgres/features: Docker needs nesting and keyctl in a container"),
        ({"unprivileged": False}, "postgres/features: keyctl is for unprivileged containers"),
        ({"running": False}, "postgres/running: a deploy would wait for it in vain"),
        ({"resources": {"cpus": 1.5, "memory": "4g"}}, "postgres/resources/cpus: 1.5 is not whole"),
        ({"rootfs": {"storage": "zfs", "size": "20g"}}, "dl380p/capacity/zfs: postgres lie on it"),
    ],
)
def test_a_container_that_could_not_be_is_refused(over, fault):
    found = faults(node(), container(**over), stacks=("postgres",))
    assert len(found) == 1
    assert fault in found[0]


def test_a_vmid_belongs_to_one_container():
    assert faults(node(), container(), container("n8n", 43, vmid=141)) == [
        "inventories/prod/n8n/vmid: 141 is also postgres's"
    ]


@pytest.mark.parametrize(
    ("over", "fault"),
    [
        ({"leader": "dl380"}, 'group_data/proxmox/leader: "dl380" is no node'),
        (
            {"backup_jobs": [{"name": "n", "schedule": "01:30", "storage": "omv", "hosts": ["x"], "retention": {}}]},
            'group_data/proxmox/backup_jobs/n/hosts: "x" is no container',
        ),
        (
            {"access": {"acl": [{"path": "/", "role": "PVEAdmin", "token": "svc@pve!x"}]}},
            "group_data/proxmox/access/acl: svc@pve!x is no declared token",
        ),
        (
            {"access": {"tokens": [{"user": "svc@pve", "name": "x"}]}},
            "group_data/proxmox/access/tokens: svc@pve!x may do nothing",
        ),
        (
            {"access": {"users": [{"name": "a@authentik"}]}},
            "group_data/proxmox/access/users: a@authentik is of no known realm",
        ),
    ],
)
def test_a_node_that_could_not_be_is_refused(over, fault):
    found = faults(node(**over), container())
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_what_a_mount_leaves_out_of_the_backups_has_a_reason():
    job = {"name": "nightly", "schedule": "01:30", "storage": "omv", "retention": {"daily": 7}}
    bind = {"path": "/data", "source": "/srv/data"}
    found = faults(node(backup_jobs=[job]), container(mounts=(bind,)))
    assert found == [
        "group_data/proxmox/backup_jobs/nightly: /data of postgres is in no vzdump: a mount point is not, "
        "and a bind mount never"
    ]
    reasoned = container(mounts=({**bind, "no_backup": "restic on the node"},))
    assert faults(node(backup_jobs=[job]), reasoned) == []


def test_nodes_of_one_cluster_declare_what_they_share_alike():
    other = node(name="i5", address="192.0.2.32", guest_firewall={"management": ["192.0.2.0/24"]})
    assert faults(node(), other) == [
        "group_data/proxmox/guest_firewall: i5 and dl380p declare it differently, and their cluster has only one"
    ]


@pytest.mark.parametrize(
    ("model", "values", "said"),
    [
        (Mount, {"path": "/a"}, "wants a source"),
        (Mount, {"path": "/a", "source": "/b", "backup": True}, "never contains"),
        (PveAcl, {"path": "/", "role": "PVEAdmin"}, "exactly one"),
        (PveAcl, {"path": "/", "role": "PVEAdmin", "group": "a", "user": "b@pve"}, "exactly one"),
    ],
)
def test_a_declaration_that_says_nothing_or_two_things_is_refused(model, values, said):
    with pytest.raises(ValidationError, match=said):
        model(**values)


def test_a_template_is_a_family_or_a_file():
    assert container(template="debian-12-standard").template == "debian-12-standard"
    with pytest.raises(ValidationError, match="neither a family"):
        container(template="debian-12-standard_12.7-1")


def test_retention_without_a_number_keeps_all():
    assert Retention().text == "keep-all=1"
    assert Retention(daily=7, monthly=6).text == "keep-daily=7,keep-monthly=6"


# What the node itself says


GUEST = Guest(141, "postgres", "dl380p", "lxc", "running", cores=2, memory=4 * GIB)
CONFIG = {"hostname": "postgres", "unprivileged": "1", "rootfs": "local-lvm:vm-141-disk-0,size=20G"}
STATE = PveState(
    node="dl380p",
    nodes={"dl380p": "online", "i5": "offline"},
    guests={141: GUEST},
    configs={141: CONFIG},
    storage_status={"local-lvm": StorageStatus(True, 100 * GIB, 400 * GIB)},
    available=(TEMPLATE,),
)


def refused(state, *containers, declared=None):
    return [f"{fault.path}: {fault.fault}" for fault in refusals(declared or node(), containers, state)]


def test_a_node_that_may_be_changed_refuses_nothing():
    assert refused(STATE, container()) == []


@pytest.mark.parametrize(
    ("state", "own", "fault"),
    [
        ({"clustered": True, "quorate": False}, {}, 'dl380p/proxmox/quorum: pvecm status says not "Quorate: Yes"'),
        ({"error": "no answer"}, {}, "dl380p/proxmox: no answer"),
        ({"node": "pve"}, {}, "dl380p/proxmox: the node calls itself pve"),
        ({}, {"rootfs": {"storage": "local-lvm", "size": "10g"}}, "rootfs: rootfs is 20 GiB, declared is 10"),
        ({}, {"rootfs": {"storage": "zfs", "size": "20g"}}, "rootfs: lies on local-lvm, declared is zfs"),
        ({}, {"unprivileged": False, "features": ()}, "unprivileged: is unprivileged"),
        ({}, {"node": "i5"}, "postgres: is to move to i5, which is offline"),
        ({}, {"rootfs": {"storage": "local-lvm", "size": "200g"}}, "180 GiB are wanted (postgres 180), 100.0 are free"),
        ({"guests": {141: replace(GUEST, lock="create")}}, {}, "postgres: is locked (create)"),
        ({"guests": {141: replace(GUEST, name="pihole")}}, {}, "VMID 141 is container pihole already"),
        ({"guests": {141: replace(GUEST, kind="qemu")}}, {}, "VMID 141 is virtual machine postgres already"),
        ({"guests": {}}, {"template": "debian-13-standard"}, "template: debian-13-standard is not to be had"),
        (
            {"storage_status": {"local-lvm": StorageStatus(False, 0, 0)}, "guests": {}},
            {},
            "dl380p/storages/local-lvm: is not active",
        ),
    ],
)
def test_what_would_fail_half_way_is_refused_before(state, own, fault):
    found = refused(replace(STATE, **state), container(**own))
    assert len(found) == 1
    assert fault in found[0]


def test_two_new_containers_that_fit_alone_but_not_together_are_refused():
    big = {"storage": "local-lvm", "size": "60g"}
    found = refused(replace(STATE, guests={}), container(rootfs=big), container("n8n", 43, rootfs=big))
    assert found == [
        "dl380p/storages/local-lvm: 120 GiB are wanted (postgres 60, n8n 60), 100.0 are free",
    ]


def test_an_export_of_another_server_is_not_taken_for_ours():
    nfs = {"kind": "nfs", "name": "omv", "server": "omv.example", "export": "/export/backups", "content": ["backup"]}
    state = replace(STATE, storages={"omv": {"type": "nfs", "server": "old.example", "export": "/export/backups"}})
    assert refused(state, declared=node(storages=[nfs])) == [
        "dl380p/proxmox/storages/omv: server is old.example, declared is omv.example"
    ]


def test_versions_are_compared_as_numbers():
    names = ("debian-12-standard_12.2-1_amd64.tar.zst", TEMPLATE, "debian-12-standard_12.7-1_amd64.tar.zst")
    assert max(names, key=version_of) == TEMPLATE
    assert chosen("debian-12-standard", PveState(available=names)) == TEMPLATE
    assert chosen("debian-12-standard", PveState(downloaded=names[:1])) == names[0]
    assert chosen("debian-12", PveState(available=names)) == ""
    assert chosen(names[0], PveState(available=names)) == names[0]


def test_a_node_that_is_not_adopted_has_its_base_only_and_no_containers():
    own = {"guest_firewall": {"management": ["192.0.2.0/24"]}, "realms": [proxmox_realm("example.org")]}
    ours, bare = node(**own), node(**own, adopted=False)
    assert {"proxmox", "proxmox_firewall"} <= set(tasks_of(ours, None, {}))
    assert {"proxmox", "proxmox_firewall"} & set(tasks_of(bare, None, {})) == set()
    assert (bool(ours.secrets), bool(bare.secrets)) == (True, False)
    (fault,) = faults(bare, container())
    assert "dl380p is not adopted" in fault
