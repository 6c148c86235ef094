"""Containers as hosts: the client key, the first login, host keys through the node, status, adoption, destruction."""

import ast
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from pve_node import GIB, Node, container, node
from typer.testing import CliRunner

from estate import homelab
from estate.cli.homelab import app
from estate.cli.homelab_view import declarations, status_table
from estate.inventory import Estate, Ssh
from estate.known_hosts import pinned
from estate.models.faults import EstateFaults, Fault
from estate.operations.proxmox import inner_script, realm_script
from estate.plan.proxmox_state import Guest, Inside, PveState, StorageStatus
from estate.preflight import unreachable
from estate.remote import Outcome
from estate.run.proxmox import with_missing_containers

SECRET = 'a"b\\c-Client-Secret'
GUEST = Guest(141, "postgres", "dl380p", "lxc", "running", cores=2, cpu=0.25, memory=4 * GIB, disk=20 * GIB)
KEY = "ssh-ed25519 AAAAnew"
STATE = PveState(
    node="dl380p",
    nodes={"dl380p": "online"},
    guests={141: GUEST},
    inside={141: Inside(True, frozenset({"mitch"}), ("ecdsa-sha2-nistp256 AAAAother", KEY))},
)


@pytest.fixture
def estate(tmp_path):
    hosts = {host.name: host for host in (node(), container())}
    known = str(tmp_path / "known_hosts")
    ssh = {name: Ssh(host.address, "mitch", 22, "", known) for name, host in hosts.items()}
    return Estate(tmp_path / "prod.py", hosts, {}, ssh)


# The client key of a realm


@pytest.fixture
def lab(tmp_path):
    lab = Node(tmp_path)
    curl = tmp_path / "bin" / "curl"
    curl.write_text(f'#!/bin/sh\necho "curl $*" >>{tmp_path}/calls\ncat >{tmp_path}/request\nexit ${{CURL:-0}}\n')
    curl.chmod(0o755)
    return lab


def test_a_client_key_goes_in_the_body_of_a_request_and_into_no_argument(lab):
    result = lab.run(realm_script("authentik"), stdin=f"{SECRET}\n")
    assert result.returncode == 0, result.stderr
    request = (lab.root / "request").read_text()
    assert 'data-urlencode = "client-key=a\\"b\\\\c-Client-Secret"\n' in request
    assert 'url = "https://dl380p:8006/api2/json/access/domains/authentik"\n' in request
    assert "PVEAPIToken=root@pam!estate-realm=11111111-" in request
    # The control: the search would find it
    assert any("estate-realm" in call for call in lab.calls())
    for word in ("Client-Secret", "11111111-"):
        assert not any(word in call for call in lab.calls())
        assert word not in result.stdout + result.stderr


@pytest.mark.parametrize("code", ["0", "22"])
def test_the_token_that_it_takes_is_gone_afterwards_however_it_ends(lab, code, monkeypatch):
    monkeypatch.setenv("CURL", code)
    assert lab.run(realm_script("authentik"), stdin=f"{SECRET}\n").returncode == int(code)
    assert lab.state["tokens"] == []


def test_a_token_that_a_killed_run_left_is_no_obstacle(lab):
    lab.write(lab.state | {"tokens": ["root@pam!estate-realm"]})
    assert lab.run(realm_script("authentik"), stdin=f"{SECRET}\n").returncode == 0


# The first login


def test_accounts_with_a_declared_uid_are_made_before_the_admin():
    text = inner_script(container())
    assert text.index("id -u prodg ") < text.index("id -u mitch ")


def test_the_bootstrap_is_shell_and_holds_public_keys_only():
    text = inner_script(container())
    assert subprocess.run(["sh", "-n", "-c", text], capture_output=True).returncode == 0
    assert "/home/mitch/.ssh/authorized_keys" in text
    assert "/etc/sudoers.d/60-estate" in text
    assert "sshd_config" not in text


# Host keys


def test_a_containers_key_is_pinned_as_its_node_reads_it(estate):
    learned = homelab.learn(estate, [container()], {"dl380p": STATE})
    assert [one.is_new for one in learned] == [True]
    text = Path(estate.ssh["postgres"].known_hosts).read_text()
    assert pinned(text, "192.0.2.41") == {KEY}
    assert [one.is_new for one in homelab.learn(estate, [container()], {"dl380p": STATE})] == [False]


def test_a_container_that_was_made_anew_has_its_old_key_replaced_and_others_stay(estate):
    path = Path(estate.ssh["postgres"].known_hosts)
    path.write_text("192.0.2.41 ssh-ed25519 AAAAold\n192.0.2.9 ssh-ed25519 AAAAother\n")
    assert homelab.learn(estate, [container()], {"dl380p": STATE})[0].before == {"ssh-ed25519 AAAAold"}
    assert path.read_text() == f"192.0.2.9 ssh-ed25519 AAAAother\n192.0.2.41 {KEY}\n"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (replace(STATE, guests={}), "is on no node that answers"),
        (PveState(error="no answer"), "dl380p: no answer"),
        (replace(STATE, inside={}), "has no host key to show"),
        (replace(STATE, guests={141: replace(GUEST, name="pihole")}), "VMID 141 is pihole"),
    ],
)
def test_a_key_that_cannot_be_had_from_the_node_is_not_guessed(estate, state, said):
    with pytest.raises(EstateFaults, match=re.escape(said)):
        homelab.learn(estate, [container()], {"dl380p": state})
    assert not Path(estate.ssh["postgres"].known_hosts).exists()


# `estate homelab up`


@pytest.fixture
def command(estate, monkeypatch):
    """Runs `estate homelab …`; notes the deploys and the keys that were learned between them."""
    done, codes = [], {}

    def run(inventory, limit, exclude, secrets, yes):
        done.append((limit, exclude))
        return codes.get(limit, 0)

    def learn(estate, hosts, states):
        done.append([host.name for host in hosts])
        return []

    monkeypatch.setattr("estate.cli.deploy.run", run)
    monkeypatch.setattr("estate.cli.homelab.load", lambda path: estate)
    monkeypatch.setattr("estate.cli.homelab.read_nodes", lambda estate: {"dl380p": STATE})
    monkeypatch.setattr("estate.cli.homelab.learn", learn)
    runner = CliRunner()
    return SimpleNamespace(run=lambda *words: runner.invoke(app, list(words)), done=done, codes=codes)


def test_up_deploys_the_nodes_learns_the_keys_and_deploys_the_containers(command):
    assert command.run("up", "prod.py").exit_code == 0
    assert command.done == [(("proxmox",), ()), ["postgres"], (("homelab",), ())]


def test_up_of_the_nodes_only_stops_before_the_containers(command):
    assert command.run("up", "prod.py", "--nodes-only", "--exclude", "dl380p").exit_code == 0
    assert command.done == [(("proxmox",), ("dl380p",)), ["postgres"]]


def test_up_ends_with_the_nodes_exit_code_when_they_fail(command):
    command.codes[("proxmox",)] = 4
    assert command.run("up", "prod.py").exit_code == 4
    assert command.done == [(("proxmox",), ())]


@pytest.mark.parametrize(("answer", "code"), [("postgres\n", 0), ("postgre\n", 1), ("\n", 1), ("y\n", 1)])
def test_destroying_wants_exactly_the_name(command, answer, code, monkeypatch):
    gone = []
    monkeypatch.setattr("estate.cli.homelab.destroy_container", lambda estate, node, guest: gone.append(guest.name))
    result = CliRunner().invoke(app, ["destroy", "prod.py", "postgres"], input=answer)
    assert result.exit_code == code
    assert gone == (["postgres"] if code == 0 else [])


# What a plain deploy says of a container that is not there


def test_an_unreachable_container_has_the_command_that_makes_it_as_its_remedy(estate, monkeypatch):
    monkeypatch.chdir(estate.path.parent)
    fault = unreachable(estate, ["postgres"], {"postgres": "timed out"})[0]
    assert "`estate homelab up prod.py`" in fault.remedy
    fault = unreachable(estate, ["postgres"], {"postgres": "no host key in known_hosts"})[0]
    assert "`estate homelab trust prod.py postgres`" in fault.remedy


@pytest.mark.parametrize(
    ("listed", "expected"),
    [({"none"}, "container 141 does not exist on dl380p"), ({"none", "141"}, "unreachable"), (set(), "unreachable")],
    ids=["none at all", "it is there", "no answer"],
)
def test_a_node_that_is_connected_tells_whether_there_is_one(estate, listed, expected, monkeypatch):
    monkeypatch.setattr("estate.run.proxmox._vmids", lambda target: listed)
    found = with_missing_containers(estate, [SimpleNamespace(name="dl380p")], [Fault("postgres", "unreachable")])
    assert found[0].fault == expected


# Status


def test_the_status_of_what_is_as_declared_has_no_fault(estate):
    table, faults = status_table(estate, {"dl380p": STATE})
    assert faults == []
    assert [list(column.cells) for column in table.columns][4:] == [["0.5 of 2"], ["0.0 of 4 GiB"], ["0.0 of 20 GiB"]]


def test_the_status_names_a_declared_storage_that_is_gone(estate):
    nfs = {"kind": "nfs", "name": "omv", "server": "omv.example", "export": "/export/backups", "content": ["backup"]}
    hosts = {"dl380p": node(storages=[nfs]), "postgres": container()}
    gone = replace(STATE, storage_status={"omv": StorageStatus(False, 0, 0)})
    _, faults = status_table(replace(estate, hosts=hosts), {"dl380p": gone})
    assert [str(fault) for fault in faults] == ["dl380p/storages/omv: is not active; `pvesm status` on dl380p"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (replace(STATE, guests={}), "does not exist"),
        (replace(STATE, guests={141: replace(GUEST, status="stopped")}), "is stopped"),
        (replace(STATE, guests={141: replace(GUEST, cores=4)}), "has 4 cores and 4 GiB, declared are 2 and 4 GiB"),
        (replace(STATE, guests={141: replace(GUEST, node="i5")}), "is on i5, declared for dl380p"),
        (replace(STATE, clustered=True, quorate=False), "its cluster has no quorum"),
        (PveState(error="no answer"), "no answer"),
    ],
)
def test_the_status_says_everything_that_is_not_right(estate, state, said):
    _, faults = status_table(estate, {"dl380p": state})
    assert [said in str(fault) for fault in faults] == [True]


# Adoption


def test_a_declaration_that_adoption_prints_is_one_that_describes_what_is_there(tmp_path):
    lab = Node(tmp_path)
    made = container(start={"order": 3}, mounts=({"path": "/data", "source": "/srv", "no_backup": "?"},))
    from estate.operations.proxmox import steps_script
    from estate.plan import pct

    lab.write(lab.state | {"downloaded": ["debian-12-standard_12.12-1_amd64.tar.zst"]})
    result = lab.run(steps_script(pct.containers(node(), [made], lab.read(node(), made))))
    assert result.returncode == 0, result.stderr
    text = declarations([], {"dl380p": lab.read(node())})
    name, data = ast.literal_eval(text.rstrip(","))
    assert name == "postgres"
    data["address"] = data.pop("ssh_hostname")
    adopted = container(**data)
    assert adopted.rootfs == made.rootfs
    assert adopted.network == made.network
    assert adopted.start == made.start
    assert pct.containers(node(), [adopted], lab.read(node(), adopted)) == []


def test_what_is_declared_is_not_printed_again_and_virtual_machines_are_named():
    machine = Guest(900, "win", "dl380p", "qemu", "running")
    text = declarations([container()], {"dl380p": replace(STATE, guests={141: GUEST, 900: machine})})
    assert text == "# win (900) on dl380p is a virtual machine: not ours to declare"
    assert declarations([container()], {"dl380p": STATE}) == "# every container on the nodes is declared"


# Destruction


@pytest.fixture
def node_of_ours(tmp_path, monkeypatch):
    lab = Node(tmp_path)
    lab.write(
        lab.state
        | {
            "guests": {"141": {"status": "running"}},
            "configs": {"141": {"hostname": "postgres", "cores": 2, "memory": 4096, "protection": 1}},
        }
    )

    def read(name, ssh, script, **_):
        result = lab.run(script)
        return Outcome(result.returncode, result.stdout, result.stderr)

    monkeypatch.setattr(homelab, "run_as_root", read)
    return lab


def test_destroying_lifts_the_protection_stops_and_purges(estate, node_of_ours):
    _, guest = homelab.located("postgres", homelab.read_nodes(estate))
    result = node_of_ours.run(homelab.destroy_script(guest))
    assert result.returncode == 0, result.stderr
    assert node_of_ours.state["guests"] == {}
    done = [call for call in node_of_ours.calls() if call.startswith("pct")]
    assert done[-3:] == ["pct set 141 --protection 0", "pct stop 141", "pct destroy 141 --purge 1"]


def test_a_vmid_that_is_another_container_by_now_is_not_destroyed(node_of_ours):
    result = node_of_ours.run(homelab.destroy_script(replace(GUEST, name="n8n")))
    assert result.returncode == 1
    assert result.stderr == "VMID 141 is another container by now\n"
    assert "141" in node_of_ours.state["guests"]


def test_a_container_is_not_destroyed_while_somebody_deploys_to_its_node(estate, monkeypatch):
    held = "locked\trun\tann\tnow\tdeploy\t20\n"
    monkeypatch.setattr(homelab, "run_as_root", lambda *_, **__: Outcome(98, held, ""))
    with pytest.raises(EstateFaults, match="locked by ann"):
        homelab.destroy(estate, "dl380p", GUEST)


def test_a_name_that_is_not_there_or_there_twice_is_not_destroyed():
    with pytest.raises(EstateFaults, match="did you mean postgres"):
        homelab.located("postgre", {"dl380p": STATE})
    twice = replace(STATE, guests={141: GUEST, 142: replace(GUEST, vmid=142)})
    with pytest.raises(EstateFaults, match="several containers"):
        homelab.located("postgres", {"dl380p": twice})
