"""Proxmox's firewall: its files, the script that puts them in place, and the way back."""

import os
import subprocess
from pathlib import Path

import pytest
from pve_node import container, node

from estate.models.desired import File
from estate.render.proxmox import SCRIPT as SCRIPT_PATH
from estate.render.proxmox import STAGE, Guest, guests_of, proxmox_firewall

SCRIPT = Path(__file__).resolve().parents[2] / "files" / "proxmox" / "estate-pve-firewall"
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


class Place:
    """Staged files, live files, and a `pve-firewall` that compiles unless a file says otherwise."""

    def __init__(self, root):
        self.stage, self.live = root / "stage", root / "pve"
        (root / "bin").mkdir()
        tool = root / "bin" / "pve-firewall"
        tool.write_text(
            f'#!/bin/sh\n[ "$1" = compile ] || exit 64\n'
            f"grep -rqs BROKEN {self.live} && echo '{self.live}/cluster.fw (line 7) - errors in rule parameters' >&2\n"
            f"grep -rqs CRASH {self.live} && exit 2\nexit 0\n"
        )
        tool.chmod(0o755)
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

    def there(self):
        return {str(path.relative_to(self.live)): path.read_text() for path in self.live.rglob("*") if path.is_file()}


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
    assert place.there() == {"firewall/cluster.fw": "old\n"}
