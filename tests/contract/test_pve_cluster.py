"""Quorum and /etc/pve (facts/homelab-vps.md §1.2, §1.8)."""

import errno
import re

import pytest
from pve_stand_in import OSTEMPLATE, Pve

from lab.standins.proxmox.pmxcfs import Rules

QNETD = ("10.99.0.33", 5403)


@pytest.fixture
def pve(tmp_path) -> Pve:
    return Pve(tmp_path)


def said_of(text: str, name: str) -> str:
    found = re.search(rf"^{name}: +(.*?) *$", text, re.MULTILINE)
    assert found, name
    return found[1]


def test_two_nodes_that_answer_are_quorate(pve) -> None:
    said = pve.run("pvecm", "status")
    assert said.status == 0
    assert said_of(said.out, "Quorate") == "Yes"
    assert [said_of(said.out, name) for name in ("Name", "Expected votes", "Total votes", "Quorum")] == [
        "homelab",
        "2",
        "2",
        "2",
    ]
    assert said.out.endswith("0x00000001          1 10.99.0.31 (local)\n0x00000002          1 10.99.0.32")


def test_one_node_alone_is_not(pve) -> None:
    pve.lose_quorum()
    said = pve.run("pvecm", "status")
    assert said.status == 2
    assert said_of(said.out, "Quorate") == "No"
    assert said_of(said.out, "Quorum") == "2 Activity blocked"


def test_a_qdevice_gives_the_missing_vote(pve) -> None:
    assert pve.run("pvecm", "qdevice", "setup", "10.99.0.33").status == 255
    pve.answers.add(QNETD)
    pve.ok("pvecm", "qdevice", "setup", "10.99.0.33")
    pve.lose_quorum()
    said = pve.ok("pvecm", "status")
    assert (said_of(said.out, "Quorate"), said_of(said.out, "Expected votes")) == ("Yes", "3")
    assert "Qdevice" in said.out
    pve.answers.discard(QNETD)
    assert pve.run("pvecm", "status").status == 2
    pve.answers.update({QNETD, ("10.99.0.32", 8006)})
    pve.ok("pvecm", "qdevice", "remove")
    assert "host:" not in (pve.node.pve / "corosync.conf").read_text()


def test_expected_votes_are_for_an_emergency(pve) -> None:
    pve.lose_quorum()
    pve.ok("pvecm", "expected", "1")
    assert said_of(pve.ok("pvecm", "status").out, "Quorate") == "Yes"
    assert pve.run("pvecm", "expected", "0").status == 255


def test_a_node_in_no_cluster_says_so_and_may_write(tmp_path) -> None:
    pve = Pve(tmp_path, clustered=False)
    said = pve.run("pvecm", "status")
    assert said.status == 255
    assert said.err == (
        "Error: Corosync config '/etc/pve/corosync.conf' does not exist - is this node part of a cluster?\n"
    )
    pve.ok("pveum", "group", "add", "ops")


def test_without_a_quorum_every_write_is_refused_and_reading_goes_on(pve) -> None:
    pve.with_template().create()
    pve.lose_quorum()
    before = {path: path.read_text() for path in pve.node.pve.rglob("*") if path.is_file()}
    commands: dict[tuple[str, ...], str] = {
        ("pct", "create", "150", OSTEMPLATE, "--rootfs", "local-lvm:1"): "cluster not ready - no quorum?",
        ("pct", "start", "141"): "cluster not ready - no quorum?",
        ("pct", "migrate", "141", "i5"): "cluster not ready - no quorum?",
        ("pct", "destroy", "141"): "cluster not ready - no quorum?",
        ("pct", "snapshot", "141", "one"): "cluster not ready - no quorum?",
        ("pct", "set", "141", "--memory", "64"): "Permission denied",
        ("pvesm", "set", "local", "--content", "iso"): "no quorum",
        ("pveum", "group", "add", "x"): "cfs-lock 'file-user.cfg' error: no quorum!",
        ("pveum", "realm", "modify", "pam", "--comment", "x"): "cfs-lock 'file-domains.cfg' error: no quorum!",
        ("pvesh", "create", "/cluster/backup", "--schedule", "02:30", "--all", "1"): "cfs-lock 'file-jobs.cfg'",
    }
    for words, fault in commands.items():
        said = pve.run(*words)
        assert said.status != 0, words
        assert fault in said.err, words
    assert {path: path.read_text() for path in pve.node.pve.rglob("*") if path.is_file()} == before
    assert "141" in pve.ok("pct", "list").out
    pve.ok("pct", "config", "141")


def test_pmxcfs_keeps_its_own_modes_owners_and_links(pve) -> None:
    rules = Rules(pve.node)
    assert rules.chmod("/storage.cfg", 0o100640) == 0
    assert rules.chmod("/storage.cfg", 0o100644) == errno.EPERM
    assert rules.chmod("/priv/token.cfg", 0o100600) == 0
    assert rules.chown(0, 33) == 0
    assert rules.chown(1001, 33) == errno.EPERM
    assert rules.link("/lxc") == "nodes/dl380p/lxc"
    assert rules.may_write("/lxc") == errno.EACCES
    assert rules.may_write("/firewall/cluster.fw") == 0


def test_pmxcfs_is_read_only_without_a_quorum(pve) -> None:
    pve.lose_quorum()
    assert Rules(pve.node).may_write("/firewall/cluster.fw") == errno.EACCES
