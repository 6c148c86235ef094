"""Proxmox's firewall: its files, the script that puts them in place, and the way back."""

import os
import subprocess
from pathlib import Path

import pytest
from pve_node import container, node

from estate.inventory import load
from estate.models.desired import File
from estate.render.proxmox import SCRIPT as SCRIPT_PATH
from estate.render.proxmox import STAGE, Guest, guests_of, proxmox_firewall

REPO = Path(__file__).resolve().parents[2]
SCRIPT = REPO / "files" / "proxmox" / "estate-pve-firewall"
WALL = {"management": ["192.0.2.0/24", "198.51.100.7/32"]}


def texts(declared, *guests):
    files = (
        item for item in proxmox_firewall(declared, [Guest(guest) for guest in guests]).tree if isinstance(item, File)
    )
    return {file.path.removeprefix(f"{STAGE}/"): file.content.decode() for file in files if file.path.startswith(STAGE)}


def test_the_management_addresses_come_with_the_switch_and_before_it():
    text = texts(node(guest_firewall=WALL))["firewall/cluster.fw"]
    assert text.index("[IPSET management]\n\n192.0.2.0/24\n198.51.100.7/32\n") < text.index("enable: 1")


def test_a_container_lets_in_its_ports_and_sshd_from_the_management_addresses():
    port = {"port": 5432, "source": "192.0.2.42/32", "purpose": "authentik"}
    text = texts(node(guest_firewall=WALL), container(open_ports=[port]))["firewall/141.fw"]
    assert "enable: 1\npolicy_in: DROP\n" in text
    assert "IN SSH(ACCEPT) -source +management -log nolog\n" in text
    assert "IN ACCEPT -source 192.0.2.42/32 -p tcp -dport 5432 -log nolog # authentik\n" in text


def test_only_the_leader_has_the_clusters_file_and_a_node_only_its_own_containers():
    other = node(name="i5", guest_firewall=WALL)
    hosts = {host.name: host for host in (other, container(), container("n8n", 43, node="i5"))}
    guests = guests_of(hosts, {}, other)
    assert sorted(texts(other, *(guest.host for guest in guests))) == ["firewall/143.fw", "nodes/i5/host.fw"]


def test_the_way_back_does_not_remove_the_script_that_it_is_made_of():
    handler = proxmox_firewall(node(guest_firewall=WALL), []).handlers[0]
    assert handler.guard.undo.startswith(SCRIPT_PATH)
    assert SCRIPT_PATH not in handler.paths


FAKE = """#!/bin/sh
# The files that were live at the last cycle are in force; a restart is asked for, and a later status sees it done
echo "$1" >>{root}/calls
case $1 in
compile)
    grep -rqs BROKEN {live} && echo '{live}/cluster.fw (line 7) - errors in rule parameters' >&2
    grep -rqs CRASH {live} && exit 2
    exit 0 ;;
restart) echo late >{root}/asked ;;
status)
    [ -e {root}/stopped ] && {{ echo "Status: enabled/stopped"; exit 0; }}
    if [ -e {root}/asked ] && ! grep -rqs REFUSED {live}; then
        if grep -q late {root}/asked; then echo now >{root}/asked
        else rm -rf {root}/asked {root}/force; cp -r {live} {root}/force; fi
    fi
    if diff -r {live} {root}/force >/dev/null 2>&1; then echo "Status: enabled/running"
    else echo "Status: enabled/running (pending changes)"; fi ;;
*) exit 64 ;;
esac
"""


class Place:
    """Staged files, live files, and a `pve-firewall` that compiles and takes them over unless a file says otherwise."""

    def __init__(self, root):
        self.root, self.stage, self.live = root, root / "stage", root / "pve"
        (root / "bin").mkdir()
        for name, text in (("pve-firewall", FAKE.format(root=root, live=self.live)), ("sleep", "#!/bin/sh\n")):
            (root / "bin" / name).write_text(text)
            (root / "bin" / name).chmod(0o755)
        self.script = root / "script"
        self.script.write_text(SCRIPT.read_text().replace("PATH=/usr", f"PATH={root / 'bin'}:/usr"))
        self.write(self.stage, "firewall/cluster.fw", "new\n")
        self.write(self.stage, "firewall/141.fw", "own\n")

    def write(self, root, name, text):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    def run(self, *words):
        environment = os.environ | {"ESTATE_STAGE": str(self.stage), "ESTATE_PVE": str(self.live)}
        return subprocess.run(["sh", self.script, *words], env=environment, capture_output=True, text=True)

    def there(self, where="pve"):
        root = self.root / where
        return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}

    def calls(self):
        return (self.root / "calls").read_text().split()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_applying_puts_every_file_in_place_and_says_when_one_was_changed(place):
    assert place.run("same").returncode == 1
    assert place.run("apply").returncode == 0
    assert place.there() == {"firewall/cluster.fw": "new\n", "firewall/141.fw": "own\n"}
    assert place.run("same").returncode == 0
    place.write(place.live, "firewall/cluster.fw", "by hand\n")
    assert place.run("same").returncode == 1


def test_a_file_that_is_not_declared_is_left_alone(place):
    place.write(place.live, "firewall/999.fw", "theirs\n")
    place.run("apply")
    assert place.there()["firewall/999.fw"] == "theirs\n"


@pytest.mark.parametrize("bad", ["BROKEN\n", "CRASH\n"], ids=["a rule it cannot read", "a failure"])
def test_what_does_not_compile_is_taken_back_at_once(place, bad):
    place.write(place.live, "firewall/cluster.fw", "old\n")
    place.write(place.stage, "firewall/cluster.fw", bad)
    result = place.run("apply")
    assert result.returncode == 1
    assert "does not compile" in result.stderr
    assert place.there() == {"firewall/cluster.fw": "old\n"}


def test_the_undo_brings_back_what_was_there_and_removes_what_was_not(place, tmp_path):
    place.write(place.live, "firewall/cluster.fw", "old\n")
    saved = tmp_path / "saved"
    saved.write_text(place.run("save").stdout)
    place.run("apply")
    # By then the staged files may be the old ones again, too
    (place.stage / "firewall" / "141.fw").unlink()
    assert place.run("restore", str(saved)).returncode == 0
    assert place.there() == place.there("force") == {"firewall/cluster.fw": "old\n"}


def test_applying_ends_when_the_rules_are_in_force_and_not_before(place):
    """A connection that confirms the change has to meet the new rules."""
    assert place.run("apply").returncode == 0
    assert place.calls() == ["compile", "restart", "status", "status"]
    assert place.there("force") == place.there()


def test_what_does_not_compile_is_never_in_force(place):
    place.write(place.live, "firewall/cluster.fw", "old\n")
    place.write(place.stage, "firewall/cluster.fw", "BROKEN\n")
    place.run("apply")
    assert place.calls() == ["compile", "restart", "status", "status"]
    assert place.there("force") == {"firewall/cluster.fw": "old\n"}


def test_rules_that_the_daemon_does_not_take_over_are_taken_back(place):
    place.write(place.live, "firewall/cluster.fw", "old\n")
    place.write(place.stage, "firewall/cluster.fw", "REFUSED\n")
    result = place.run("apply")
    assert result.returncode == 1
    assert "not in force: pve-firewall status" in result.stderr
    assert place.there() == place.there("force") == {"firewall/cluster.fw": "old\n"}


def test_a_daemon_that_does_not_run_enforces_nothing(place):
    (place.root / "stopped").touch()
    assert place.run("apply").returncode == 1
    assert place.there() == {}


@pytest.mark.parametrize(("quorate", "code", "text"), [("Yes", 0, "new\n"), ("No", 1, "old\n")])
def test_without_a_quorum_nothing_is_written(place, quorate, code, text):
    place.write(place.live, "firewall/cluster.fw", "old\n")
    place.write(place.live, "corosync.conf", "")
    place.write(place.root, "bin/pvecm", f"#!/bin/sh\necho 'Quorate:          {quorate}'\n")
    (place.root / "bin" / "pvecm").chmod(0o755)
    result = place.run("apply")
    assert (result.returncode, place.there()["firewall/cluster.fw"]) == (code, text)
    assert ("has no quorum: nothing was written" in result.stderr) == (quorate == "No")


def test_what_is_as_it_was_need_not_be_written_to_be_taken_back(place, tmp_path):
    place.write(place.live, "firewall/cluster.fw", "old\n")
    saved = tmp_path / "saved"
    saved.write_text(place.run("save").stdout)
    (place.live / "firewall" / "cluster.fw.estate").mkdir()
    assert place.run("restore", str(saved)).returncode == 0
    place.write(place.live, "firewall/cluster.fw", "new\n")
    assert place.run("restore", str(saved)).returncode == 1


def test_what_cannot_be_put_back_is_told(place, tmp_path):
    saved = tmp_path / "saved"
    saved.write_text(place.run("save").stdout + "F nodes/x/host.fw b2xkCg==\n")
    # No quorum: nothing can be written there
    place.write(place.live, "nodes", "in the way\n")
    assert place.run("restore", str(saved)).returncode == 1


def test_a_node_and_a_container_let_in_what_their_own_tasks_answer_at():
    """Port by port and client by client, as the host's own nftables does."""
    met = load(REPO / "inventories" / "prod.py")
    host = met.hosts["dl380p"]
    found = {
        item.path.removeprefix(f"{STAGE}/"): item.content.decode()
        for item in proxmox_firewall(host, guests_of(met.hosts, met.stacks, host)).tree
        if isinstance(item, File)
    }
    exporter = "IN ACCEPT -source 10.20.0.45/32 -p tcp -dport 9100 -log nolog # node exporter\n"
    assert exporter in found["nodes/dl380p/host.fw"]
    assert exporter in found["firewall/141.fw"]
    assert "IN ACCEPT -source 10.20.0.43/32 -p tcp -dport 5432 -log nolog # PostgreSQL\n" in found["firewall/141.fw"]
    n8n = [line for line in found["firewall/143.fw"].splitlines() if "-dport 5678" in line]
    assert [line.split()[3] for line in n8n] == ["10.20.0.42/32", "10.20.0.45/32"]
