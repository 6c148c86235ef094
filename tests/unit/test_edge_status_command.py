"""`estate edge status`: what it asks, how it looks, and what it ends with."""

import json
import ssl
import subprocess
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import httpx
import pytest
from edge_fleet import keys, mesh
from edge_sweep import NOW, WANTED, away, entry, look, sweep
from rich.console import Console

from estate.clients import edge_health
from estate.edge.keys import Keys
from estate.edge.status import judge
from estate.edge.status_facts import parse
from estate.edge.status_row import ROUTINE
from estate.exit_codes import ExitCode
from estate.render.shell import shell, variables


@pytest.fixture(autouse=True)
def _configurations(monkeypatch):
    """The digests of configurations are not of interest here."""
    if "estate.render.nixos" not in sys.modules:
        try:
            import estate.render.nixos  # noqa: F401
        except ModuleNotFoundError:
            module = ModuleType("estate.render.nixos")
            module.nixos_tree = lambda *_, **__: ()
            monkeypatch.setitem(sys.modules, "estate.render.nixos", module)


def seen(**over):
    from estate.rollout.status import View

    fleet, found = mesh(), sweep(**over)
    rows = judge(fleet, keys(fleet), {node.name: WANTED for node in fleet.nodes}, found)
    return View(found.at, rows, found.looks["zurich"].why, found.silence)


def text(view, width=120):
    from estate.cli.edge.status_view import page

    console = Console(width=width, highlight=False, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(page("prod", mesh(), view))
    return console.export_text()


ILL, BEHIND = look(health="503"), look(configuration="d" * 64)


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({}, ExitCode.DONE),
        ({"looks": {"tokyo": BEHIND}}, ExitCode.CHANGES),
        ({"looks": {"tokyo": look(release="")}}, ExitCode.CHANGES),
        ({"looks": {"tokyo": BEHIND, "dallas": ILL}}, ExitCode.FAILED),
        ({"entries": {"tokyo": entry(alerts=["db_integrity: corrupt"])}}, ExitCode.FAILED),
        ({"bridge": None, "silence": "refused"}, ExitCode.FAILED),
        ({"looks": {"tokyo": away(), "dallas": ILL, "dubai": BEHIND}}, ExitCode.UNREACHABLE),
        ({"looks": {node.name: away() for node in mesh().nodes}, "bridge": None}, ExitCode.UNREACHABLE),
    ],
)
def test_it_ends_with_the_gravest(over, code):
    assert seen(**over).code == code


def test_an_optional_node_may_be_away():
    from estate.rollout.status import exit_code

    rows = [replace(row, optional=True) for row in seen(looks={"tokyo": away()}).rows]
    assert exit_code(rows, "") == ExitCode.DONE


def test_every_node_is_a_line_of_120_columns():
    lines = text(seen()).splitlines()
    for node in mesh().nodes:
        (line,) = [line for line in lines if line.startswith(f" {node.name} ")]
        assert "current" in line
    assert all(len(line.rstrip()) <= 120 for line in lines)


def test_it_says_that_the_hub_is_away():
    found = text(seen(looks={node.name: away("timed out") for node in mesh().nodes}, bridge=None, silence="refused"))
    assert "zurich, the hub, is away (timed out)" in found
    assert "push bridge does not answer (refused)" in found
    assert found.count("serves") >= len(mesh().nodes)


def test_what_is_the_same_of_many_is_said_once():
    fleet = mesh()
    looks = {node.name: look(configuration="d" * 64) for node in fleet.spokes}
    assert text(seen(looks=looks)).count("not the declared configuration") == 1
    assert f"{len(fleet.spokes)} nodes " in text(seen(looks=looks))


def test_a_fleet_that_is_not_installed_has_no_hub_to_miss(monkeypatch):
    from estate.rollout import status

    fleet = mesh()
    looks = {node.name: away() for node in fleet.nodes}
    monkeypatch.setattr(status, "sweep", lambda *_: sweep(looks=looks, bridge=None, silence="timed out"))
    found = status.view(SimpleNamespace(keys=Keys()), fleet, {node.name: WANTED for node in fleet.nodes})
    assert (found.code, found.hub_away, found.silence) == (ExitCode.CHANGES, "", "")
    assert {row.state for row in found.rows} == {"installing"}


def test_a_node_cannot_steer_the_terminal():
    found = text(seen(looks={"tokyo": look(version="\x1b[2J\x07evil", failed=("\x1b]0;title\x07",))}))
    assert "\x1b" not in found
    assert "\x07" not in found


def test_no_colours_and_no_lost_words_in_a_pipe():
    assert "its customers get" in text(seen(looks={"tokyo": away(public="timed out")}))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (0, "0s"), (99, "99s"), (100, "2m"), (3600, "60m"), (86400, "24h"), (259200, "3d")],
)
def test_ages_have_one_unit(seconds, words):
    from estate.cli.edge.status_view import age

    assert age(seconds) == words


def test_the_document_has_every_node_and_the_code():
    from estate.cli.edge.status import as_json

    document = json.loads(json.dumps(as_json(SimpleNamespace(name="prod"), mesh(), seen(looks={"tokyo": away()}))))
    assert document["code"] == 6
    assert document["at"] == NOW
    assert [node["name"] for node in document["nodes"]] == [node.name for node in mesh().nodes]
    assert document["nodes"][1]["state"] == "away"


def test_the_script_runs_where_nothing_is_installed():
    words = variables({"INTERFACE": "nosuch0", "NAME": "tokyo.invalid", "TIMERS": " ".join(r.unit for r in ROUTINE)})
    result = subprocess.run(
        ["sh", "-c", words + shell("operations/edge_status.sh")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0
    assert parse(result.stdout).system


def test_the_script_asks_for_no_private_key():
    lines = [line.partition("#")[0] for line in shell("operations/edge_status.sh").splitlines()]
    assert not [line for line in lines if "dump" in line or "showconf" in line or "clavitor/env" in line]


def answering(monkeypatch, handler):
    transport, client = httpx.MockTransport(handler), httpx.Client
    monkeypatch.setattr(edge_health.httpx, "Client", lambda **_: client(transport=transport))


def test_customers_are_asked_at_the_address_by_the_name(monkeypatch):
    asked = []

    def handler(request):
        asked.append((str(request.url), request.headers["host"], request.extensions["sni_hostname"]))
        return httpx.Response(503)

    answering(monkeypatch, handler)
    trust = ssl.create_default_context()
    assert edge_health.public_health("tokyo.example.org", "192.0.2.7", trust) == "503"
    assert edge_health.public_health("tokyo.example.org", "", trust) == "503"
    assert asked == [
        ("https://192.0.2.7/health", "tokyo.example.org", "tokyo.example.org"),
        ("https://tokyo.example.org/health", "tokyo.example.org", "tokyo.example.org"),
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectTimeout("timed out"), "timed out"),
        (httpx.ReadTimeout(""), "ReadTimeout"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "its certificate is not trusted here"),
    ],
)
def test_no_answer_has_a_reason(monkeypatch, error, said):
    def handler(request):
        raise error

    answering(monkeypatch, handler)
    assert edge_health.public_health("tokyo.example.org", "", ssl.create_default_context()) == said
