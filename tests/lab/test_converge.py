"""The main promise: converge, then nothing is left to do; what is wrong ends a run before it changes anything."""

import pytest
from estate_copy import REPO, Checkout, fingerprints

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def estate():
    checkout = Checkout()
    first = checkout.deploy()
    assert first.code == 0, first.text
    return checkout


def test_a_second_run_changes_nothing_on_any_host(estate):
    run = estate.deploy()
    assert run.code == 0, run.text
    assert run.changes == []


def test_a_plan_of_the_converged_estate_is_empty(estate):
    run = estate.dry_run()
    assert run.code == 0, run.text
    assert run.changes == []


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (
            "group_data/mainframe.py",
            "images: dict[str, str] = {}",
            'images = {"grafana": "docker.io/grafana/grafana:0.0.1"}',
            "mainframe/images/docker.io/grafana/grafana:0.0.1: cannot be resolved",
        ),
        (
            "estate/services/hermes_api.py",
            "        *_POSTGRES.secrets,",
            '        SecretSpec(name="NEW_API_KEY", kind=SecretKind.HEX, purpose="x"),\n        *_POSTGRES.secrets,',
            "secrets/NEW_API_KEY: missing (used by hermes-api)",
        ),
        (
            "group_data/mainframe.py",
            '"grafana",\n',
            '"grafna",\n',
            "group_data/mainframe/services/grafna: no such service; did you mean grafana?",
        ),
    ],
    ids=["image", "secret", "declaration"],
)
@pytest.mark.usefixtures("estate")
def test_a_fault_ends_the_run_before_any_host_is_changed(tmp_path, path, old, new, expected):
    changed = Checkout.copy_to(tmp_path / "estate")
    changed.edit(path, old, new)
    before = fingerprints()
    run = changed.deploy()
    assert run.code != 0
    assert expected in run.text
    assert "Traceback" not in run.text
    assert run.changes == []
    assert fingerprints() == before


def test_the_lab_is_this_checkout(estate):
    assert estate.root == REPO
