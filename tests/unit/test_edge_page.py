"""docs/edge.md is that of this commit: its commands, timers, codes and ports exist."""

import re
from pathlib import Path

import pytest
import typer.main

from estate.edge.inventory import declared_mesh
from estate.edge.status_row import ROUTINE
from estate.models.edge import Mesh
from estate.render.templates import ROOT

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "edge.md").read_text()


def test_every_command_of_the_fleet_is_there_and_explained():
    from estate.cli.edge.app import app

    commands = set(typer.main.get_command(app).commands)
    named = set(re.findall(r"estate\s+edge\s+([a-z]+)", PAGE)) | {"destroy"}
    assert named <= commands
    assert commands - named == set(), "say in docs/edge.md what it is for"


@pytest.mark.parametrize("routine", ROUTINE, ids=lambda routine: routine.unit)
def test_every_routine_is_in_the_table(routine):
    assert f"| `{routine.unit}.timer` |" in PAGE


@pytest.mark.parametrize("code", [0, 1, 2, 6])
def test_the_codes_of_the_status_are_explained(code):
    table = PAGE.partition("| Code | Meaning |")[2].partition("\n\n")[0]
    assert f"| {code} | " in table


def test_ports_thresholds_and_addresses_are_those_that_are_declared():
    mesh = Mesh(**declared_mesh(ROOT))
    for port in (mesh.depot_port, mesh.bridge_port, mesh.kuma_port):
        assert f"| hub | {port} |" in PAGE
    assert f"http://{mesh.address(mesh.hub)}:{mesh.bridge_port}/status" in PAGE
    limits = mesh.telemetry
    for text in (f"no push for {limits.sev2_after} s", f"no push for {limits.sev1_after} s"):
        assert text in PAGE
    assert f"certificate under {limits.cert_days} days, disk over {limits.disk_percent} %" in PAGE


def test_links_lead_somewhere():
    docs = Path(__file__).resolve().parents[2] / "docs"
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (docs / target).exists(), target
