"""Operations of a Proxmox node: the state in, commands or the no-op out."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from pve_node import TEMPLATE, container, node
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host

from estate.facts import proxmox as fact
from estate.operations import proxmox as operations
from estate.plan.proxmox_state import Guest, Inside, PveState, StorageStatus
from estate.render import pct

OWN = container()
REALM = {
    **{"name": "authentik", "issuer_url": "https://auth.example/application/o/proxmox/", "client_id": "proxmox"},
    "client_secret": "OIDC_PROXMOX",
}
BARE = PveState(
    node="dl380p",
    storage_status={"local-lvm": StorageStatus(True, 2**40, 2**40)},
    available=(TEMPLATE,),
    downloaded=(TEMPLATE,),
)
DONE = replace(
    BARE,
    guests={141: Guest(141, "postgres", "dl380p", "lxc", "running")},
    configs={141: {**pct.settings(OWN), "rootfs": "local-lvm:vm-141-disk-0,size=20G", "unprivileged": "1"}},
    inside={141: Inside(True, frozenset({"mitch"}))},
)


class Target:
    """As much of a pyinfra host as an operation looks at."""

    name = "dl380p"

    def __init__(self):
        self.noops, self.said = [], []
        self.state = SimpleNamespace(current_stage=StateStage.Prepare, config=SimpleNamespace(DIFF=False))

    def noop(self, text):
        self.noops.append(text)

    def log_styled(self, text, **_):
        self.said.append(text.strip())


@pytest.fixture
def run(monkeypatch):
    def run(operation, state, *values, declared=None):
        monkeypatch.setitem(fact._known, "dl380p", state)
        target = Target()
        with ctx_host.use(target):
            place = operations.Place(declared or node(), (OWN,))
            commands = list(operation._inner(place, *values))
        return target, commands

    return run


@pytest.mark.parametrize("name", ["shared", "containers", "bootstrap"])
def test_what_is_as_declared_is_left_alone(run, name):
    target, commands = run(getattr(operations, name), DONE)
    assert commands == []
    assert len(target.noops) == 1


def test_a_container_is_announced_and_made_by_one_command(run):
    target, commands = run(operations.containers, BARE)
    assert target.said == [
        f"create container postgres (141) (on dl380p, 2 cores, 4 GiB, 20 GiB on local-lvm, 192.0.2.41/24, {TEMPLATE})",
        "start container postgres (141) (new)",
    ]
    text = str(commands[0])
    assert len(commands) == 1
    assert f"pct create 141 local:vztmpl/{TEMPLATE} --hostname postgres --cores 2 --memory 4096 --swap 512 " in text
    assert "--net0 name=eth0,bridge=vmbr0,firewall=1,gw=192.0.2.1,ip=192.0.2.41/24 " in text
    assert "--features keyctl=1,nesting=1 --onboot 1 --protection 1 " in text
    assert "--rootfs local-lvm:20 --unprivileged 1" in text


def test_a_container_that_is_made_is_bootstrapped_in_the_same_run(run):
    target, commands = run(operations.bootstrap, BARE)
    assert target.said == ["bootstrap container postgres (141) (new)"]
    assert "pct exec 141 --keep-env 0 -- sh -c " in str(commands[0])


def test_a_vlan_is_a_tag_of_the_interface():
    tagged = container(network={"network": "192.0.2.0/24", "gateway": "192.0.2.1", "vlan": 20})
    assert pct.settings(tagged)["net0"].endswith(",tag=20")


def test_a_client_key_travels_by_standard_input_only(run):
    secret = "poison-client-key-value"
    target, commands = run(operations.realm_keys, DONE, {"OIDC_PROXMOX": secret}, declared=node(realms=[REALM]))
    assert target.said == ["update api proxmox realm authentik: client key (not set)"]
    assert secret not in str(commands[0]) + repr(target.said)
    # The control: it is what the command reads
    assert commands[0].connector_arguments["_stdin"] == f"{secret}\n"


def test_a_node_declares_its_realms_secrets():
    assert list(node(realms=[REALM]).secrets) == ["OIDC_PROXMOX"]
    assert node().secrets == {}


def test_only_the_leader_writes_what_the_cluster_shares_unless_a_node_is_alone(run):
    job = {"name": "nightly", "schedule": "01:30", "storage": "omv", "retention": {"daily": 7}}
    follower = node(leader="i5", backup_jobs=[job])
    assert run(operations.shared, replace(BARE, clustered=True), declared=follower)[1] == []
    assert len(run(operations.shared, BARE, declared=follower)[1]) == 1


def test_a_backup_job_is_compared_whatever_form_its_retention_has(run):
    job = {"name": "nightly", "schedule": "01:30", "storage": "omv", "retention": {"daily": 7, "weekly": 4}}
    there = {
        **{
            "schedule": "01:30",
            "storage": "omv",
            "mode": "snapshot",
            "compress": "zstd",
            "all": "1",
            "repeat-missed": "1",
        },
        **{"prune-backups": "keep-weekly=4,keep-daily=7", "notes-template": "{{guestname}}", "enabled": "1"},
    }
    declared = node(backup_jobs=[job])
    assert run(operations.shared, replace(BARE, jobs={"nightly": there}), declared=declared)[1] == []
    changed = replace(BARE, jobs={"nightly": {**there, "schedule": "03:00", "all": "0", "vmid": "100"}})
    target, commands = run(operations.shared, changed, declared=declared)
    assert target.said == ["update api proxmox backup job nightly (schedule 03:00 to 01:30, all 0 to 1)"]
    assert "pvesh set /cluster/backup/nightly --schedule 01:30 --all 1 --delete vmid" in str(commands[0])
