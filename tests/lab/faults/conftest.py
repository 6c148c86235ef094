"""The fault matrix: each test injects one fault into a real run; the table in docs comes from the results."""

import json
from pathlib import Path

import pytest
from estate_copy import REPO, Checkout

from estate.exit_codes import ExitCode

RESULTS = REPO / "docs" / "generated" / "faults.json"


def pytest_addoption(parser):
    parser.addoption("--write-faults", action="store_true", help="write docs/generated/faults.json from the results")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)


def rows(items):
    """A row a fault, from its marker."""
    found = {}
    for item in items:
        marker = item.get_closest_marker("fault")
        if marker is not None:
            found[marker.args[0]] = {"fault": marker.args[0], **marker.kwargs}
    return found


def pytest_sessionfinish(session):
    if not session.config.getoption("--write-faults"):
        return
    table = rows(session.items)
    for name, row in table.items():
        row["code"] = [int(code) for code in row.get("codes", ())]
        row["codes"] = [ExitCode(code).name for code in row["code"]]
        row["passed"] = name not in session.config.stash.get(FAILED, set())
    RESULTS.write_text(json.dumps(sorted(table.values(), key=lambda row: row["fault"]), indent=1) + "\n")


FAILED = pytest.StashKey[set]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    marker = item.get_closest_marker("fault")
    if report.failed and marker is not None:
        item.config.stash.setdefault(FAILED, set()).add(marker.args[0])
    return report


@pytest.fixture(autouse=True)
def the_next_run_converges(request):
    """Whatever was broken: one more deploy mends it, and after that there is nothing to do."""
    marker = request.node.get_closest_marker("fault")
    yield
    if marker is None:
        return
    hosts = [word for name in marker.kwargs.get("hosts", "vps").split() for word in ("--limit", name)]
    run = Checkout().deploy_when_free(*hosts)
    assert run.code == 0, run.text
    assert Checkout().dry_run(*hosts).changes == []
