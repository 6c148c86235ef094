"""The fault matrix: each test injects one fault into a real run; the table in docs comes from the results."""

from pathlib import Path

import pytest
from estate_copy import REPO, assert_converges
from faults_page import page

PAGE = REPO / "docs" / "faults.md"


def pytest_addoption(parser):
    parser.addoption("--write-faults", action="store_true", help="write docs/faults.md from the results")


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
    if session.config.getoption("--write-faults") and not session.config.option.collectonly:
        PAGE.write_text(page(rows(session.items), session.config.stash.get(FAILED, set())))


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
    assert_converges(*hosts)
