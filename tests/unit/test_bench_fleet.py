"""The fleet's bench: its tables, and the farm's and the road's words."""

import ipaddress
import json

import pytest

from lab.bench.delay import delays
from lab.bench.farm import sshd_config
from lab.bench.fleet_report import Row, Size, markdown
from lab.bench.places import Target
from lab.bench.report import replace_section

ROWS = [Row(50, 2, [1.2, 1.8, 1.5], [1.0, 1.0, 3.0], [40.0]), Row("cities", 2, [3.0], [2.0])]


def test_the_ratio_is_that_of_the_medians():
    text = markdown("16 nodes", "2 cores", ROWS, [Size(64, ROWS[0])], 3)
    assert "| 50 ms | 2 | 1.5 | 1.0 | 1.50 | 40.0 |" in text
    assert "| each city's own | 2 | 3.0 | 2.0 | 1.50 | - |" in text
    assert "| 64 | 1.5 | 1.0 | 1.50 | 2 |" in text


def test_it_has_a_section_of_its_own():
    text = "<!-- bench:start -->\na\n<!-- bench:end -->\n<!-- fleet:start -->\nold\n<!-- fleet:end -->\n"
    assert replace_section(text, "new", "fleet") == text.replace("old", "new")


def packet(source, destination):
    return bytes(12) + ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed


def test_a_packets_delay_is_that_of_its_far_end(tmp_path):
    table = tmp_path / "delays.json"
    table.write_text(json.dumps({"10.98.0.1": 50, "10.98.0.2": 100}))
    delay = delays(str(table))
    assert delay(packet("10.98.255.254", "10.98.0.2")) == 0.1
    assert delay(packet("10.98.0.1", "10.98.255.254")) == 0.05
    assert delay(packet("10.98.255.254", "10.98.0.3")) == 0
    assert delays("75")(packet("10.98.0.1", "10.98.0.2")) == 0.075


def test_the_farm_offers_what_our_policy_offers(tmp_path):
    text = sshd_config(tmp_path, 300)
    assert "ListenAddress 10.98.1.45\n" in text
    assert "PasswordAuthentication no" in text
    assert "curve25519-sha256" in text


@pytest.mark.parametrize(
    "words", ["StrictHostKeyChecking yes", "IdentitiesOnly yes", "UserKnownHostsFile /k", "Port 22"]
)
def test_ansible_connects_as_the_deploy_does(words):
    assert words in Target("10.84.0.2", 22, "mitch", "/key", "/k").ssh_config("tokyo")
