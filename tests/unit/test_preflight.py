"""What a host's answers to the preflight say against it: every kind of fault, and none for a sound host."""

import pytest
from factories import homelab

from estate import preflight
from estate.checks.answers import MAX_SKEW, faults_of, former
from estate.inventory import load
from estate.render.templates import ROOT

SOUND = ["uid\t0", "free\t/\t90000000", "inodes\t/\t600000", "clock\t1000", "system\tdebian\t13", "taken"]
PROD = load((ROOT / "inventories" / "prod.py").resolve())


def test_a_sound_host_has_no_faults():
    assert faults_of("vps", SOUND, 1000) == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["uid\t1000"], "vps/sudo: commands run as uid 1000; let"),
        (["free\t/\t1000"], "vps/: 1000k free, 256m needed; make room"),
        (["free\t/\t1000000", "pull\timage"], "vps/: 1000000k free, 4g needed; make room"),
        (["inodes\t/opt\t12"], "vps/opt: only 12 inodes free; remove"),
        (["clock\t2000"], "vps/clock: its clock is 1000 s ahead; "),
        (["clock\t10"], "vps/clock: its clock is 990 s behind; "),
        (["system\tplan9\t4"], "vps/system: plan9 4 is not supported; known are debian 12 13"),
        (["system\tdebian\t11"], "vps/system: debian 11 is not supported; "),
        (["system\tunknown\t"], "vps/system: unknown  is not supported; "),
        (["foreign\t443/tcp\tnginx (pid 7)"], "vps/port 443/tcp: nginx (pid 7) listens there, not a service of ours; "),
        (["unwritable\t/var/lib/estate/run.lock"], "vps/var/lib/estate/run.lock: cannot be written; "),
        (["nocurl"], "vps/curl: not installed"),
        (["unresolved\ta/b:1\thttps://r\t404"], "vps/images/a/b:1: cannot be resolved: https://r answers 404; "),
    ],
)
def test_each_fault_is_named_with_its_remedy(lines, expected):
    (found,) = faults_of("vps", lines, 1000)
    assert str(found).startswith(expected)
    assert found.remedy


def test_an_image_that_one_place_has_is_resolved():
    assert faults_of("vps", ["unresolved\ta\thttps://mirror\t500", "pull\ta"], 0) == []


def test_a_clock_that_is_nearly_right_is_right():
    assert faults_of("vps", [f"clock\t{1000 + MAX_SKEW}"], 1000) == []


def test_ports_are_those_that_the_stack_binds_at_the_host():
    ports = preflight.bound_ports(PROD.stacks["mainframe"])
    assert {"80/tcp", "443/tcp"} <= set(ports)
    assert "5432/tcp" not in ports
    assert preflight.bound_ports(None) == []


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("Could not connect (timed out)", "bring it back"),
        ("SSH host key error (Host key for 10.0.0.1 does not match.)", "estate hosts trust inventories/prod.py vps"),
        (
            "SSH error (StrictPolicy: No host key for h found in known_hosts)",
            "estate hosts trust inventories/prod.py vps",
        ),
        ("", "bring it back"),
    ],
)
def test_an_unreachable_host_comes_with_what_to_do(why, expected):
    (found,) = preflight.unreachable(PROD, ["vps"], {"vps": why})
    assert found.path == "vps"
    assert "unreachable: " in found.fault
    assert expected in found.remedy


def test_at_a_terminal_all_faults_are_one_table():
    from io import StringIO

    from rich.console import Console

    from estate.models.faults import Fault
    from estate.run.start import fault_table

    console = Console(width=200, record=True, quiet=False, file=StringIO())
    console.print(
        fault_table([Fault("vps/clock", "is behind", "set it"), Fault("tokyo", "unreachable", "bring it back")])
    )
    lines = [line for line in console.export_text().splitlines() if "tokyo" in line or "vps" in line]
    assert ["tokyo" in lines[0], "vps/clock" in lines[1], "set it" in lines[1]] == [True, True, True]


def test_a_host_whose_last_service_was_taken_out_is_named_while_its_containers_run():
    text = former("n8n", "homelab", ["uid\t0", "former\tn8n", "former\tn8n-worker"])
    assert "no service is declared, but n8n, n8n-worker of project homelab run" in text
    assert "docker compose -p homelab down" in text
    assert former("n8n", "homelab", ["uid\t0"]) == ""


def test_only_a_host_without_services_is_asked_for_containers_of_before():
    assert preflight.former_project(homelab(services=())) == "prodg"
    assert preflight.former_project(homelab(services=("redis",))) == ""
