"""The success metrics of seed 002, read from what runs; docs/sso.md has the list, and which test proves which."""

from datetime import timedelta

import pytest

from estate.models.base import parse_size
from estate.render.watch_jobs import jobs
from estate.verify.observation import REPORTS

VPS_MEMORY = parse_size("3g")
VPS_CPU = 50
AUDIT_KEPT = timedelta(days=90)
NEAR = 95.0
"""Percent of its limit from which a container is as good as over it."""


def test_the_vps_uses_less_than_three_of_its_four_gigabytes(node, seen):
    if node.host.group != "vps":
        pytest.skip("the bound is the VPS' own")
    assert int(seen.text("memory")) < VPS_MEMORY


def test_the_vps_uses_less_than_half_of_its_processors(node, seen):
    if node.host.group != "vps":
        pytest.skip("the bound is the VPS' own")
    assert int(seen.text("cpu")) / node.host.resources.cpus < VPS_CPU


def test_no_container_was_ended_for_want_of_memory(node, seen):
    if node.stack is None:
        pytest.skip("the host has no containers")
    rows = dict(line.rsplit(" ", 1) for line in seen.lines("oom"))
    assert rows, "nothing was asked"
    assert [name for name, killed in rows.items() if killed != "false"] == []


def test_every_container_is_within_its_allocation(node, seen):
    if node.stack is None:
        pytest.skip("the host has no containers")
    rows = {name: float(share.rstrip("%")) for name, share in (line.split() for line in seen.lines("usage"))}
    assert set(rows) == {service.name for service in node.stack.containers}
    assert {name: share for name, share in rows.items() if share > NEAR} == {}


def test_what_the_host_watches_is_well(node, seen):
    """Sites within two seconds, certificates, the tunnel, containers and units, as the host itself asks."""
    watched = [job.name for job in jobs(node.host, node.stack) if not job.name.startswith(REPORTS)]
    if not watched:
        pytest.skip("the host watches nothing")
    assert {name: lines for name in watched if (lines := seen.lines(f"watch {name}")) != ["exit 0"]} == {}


@pytest.mark.with_service("hl-grafana")
def test_grafana_has_no_default_password(node, seen):
    assert seen.lines("hl-grafana-default") == ["401"]


@pytest.mark.with_service("couchdb")
def test_couchdb_has_no_default_password(node, seen):
    assert seen.lines("couchdb-default") == ["401"]


@pytest.mark.with_service("authentik-worker")
def test_authentik_keeps_its_audit_log(node, seen):
    """It answers, and events are kept for long enough to be asked about."""
    assert seen.text("authentik-events").isdigit()
    kept = dict(part.split("=") for part in seen.text("authentik-retention").split(";"))
    assert timedelta(**{unit: float(number) for unit, number in kept.items()}) >= AUDIT_KEPT


@pytest.mark.with_service("authentik-worker")
def test_authentik_has_applied_the_estates_blueprints(node, seen):
    found = {name: status for name, (status,) in seen.rows("authentik-blueprints").items()}
    wanted = {"Estate - Login": "successful", "Estate - Applications": "successful"}
    assert {name: found.get(name) for name in wanted} == wanted
