"""`estate hosts trust`: a key is pinned only after its fingerprint was compared."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from estate.cli import hosts
from estate.cli.main import app
from estate.inventory import Ssh
from estate.models.faults import EstateFaults

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGO6YLKVSPIKIcnZru1Sz8yXV34/HMzaSJlN/v5Y+GMK"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIIIYLKVSPIKIcnZru1Sz8yXV34/HMzaSJlN/v5Y+GMK"


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    monkeypatch.setattr(hosts, "scan", lambda ssh: {KEY})
    return Ssh("10.0.0.1", "mitch", 22, "", str(tmp_path / "known_hosts"))


def known(ssh):
    return Path(ssh.known_hosts).read_text()


def test_a_port_of_its_own_is_part_of_the_address(ssh):
    assert hosts.address(ssh) == "10.0.0.1"
    assert hosts.address(Ssh("h", "u", 2222, "", "")) == "[h]:2222"


def test_a_compared_fingerprint_is_pinned(ssh):
    shown = hosts.fingerprint(KEY)
    assert shown.startswith("SHA256:")
    hosts._trust("vps", ssh, False, shown[-6:])
    assert known(ssh) == f"10.0.0.1 {KEY}\n"
    assert "already" in hosts._trust("vps", ssh, False, "")


def test_another_fingerprint_is_not(ssh, tmp_path):
    with pytest.raises(EstateFaults, match="not approved"):
        hosts._trust("vps", ssh, False, "aaaaaa")
    assert not (tmp_path / "known_hosts").exists()


def test_a_changed_key_is_replaced_only_when_told(ssh, tmp_path):
    (tmp_path / "known_hosts").write_text(f"# ours\n10.0.0.1 {OTHER}\n10.0.0.2 {OTHER}\n")
    with pytest.raises(EstateFaults, match="somebody may be listening"):
        hosts._trust("vps", ssh, False, "")
    hosts._trust("vps", ssh, True, hosts.fingerprint(KEY))
    assert known(ssh) == f"# ours\n10.0.0.2 {OTHER}\n10.0.0.1 {KEY}\n"


def test_an_unknown_host_is_named():
    result = CliRunner().invoke(app, ["hosts", "trust", "inventories/prod.py", "mainfraem"])
    assert result.exit_code == 1


def test_a_wrong_command_line_does_not_read_as_changes_pending():
    import subprocess
    import sys

    estate = Path(sys.executable).with_name("estate")
    assert subprocess.run([estate, "plan", "--bogus"], capture_output=True).returncode == 64
