"""A saved plan is applied as it is, or not at all."""

import pytest
from estate_copy import OTHERS, Checkout, estate_command, fingerprints, on_host

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.hosts

LAB = ("inventories/lab.py", "--limit", "vps")
FILE = "/etc/systemd/journald.conf.d/60-estate.conf"


@pytest.fixture
def plan(tmp_path):
    assert Checkout().deploy_when_free("--limit", "vps").code == 0
    on_host("vps", f"rm {FILE}")
    path = tmp_path / "plan.json"
    run = estate_command("plan", *LAB, "--out", str(path))
    assert run.code == ExitCode.CHANGES, run.text
    yield path
    assert Checkout().deploy_when_free("--limit", "vps").code == 0


def test_it_does_exactly_what_it_says(plan):
    run = estate_command("apply", str(plan))
    assert run.code == 0, run.text
    assert on_host("vps", f"ls {FILE}").strip() == FILE
    assert Checkout().dry_run("--limit", "vps").changes == []
    again = estate_command("apply", str(plan))
    assert again.code == ExitCode.REFUSED, again.text
    assert "was changed on the host since the plan" in again.text


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ("echo '# by hand' >>/etc/sysctl.d/60-estate.conf", "vps/base/path /etc/sysctl.d/60-estate.conf"),
        ("rm /var/lib/estate/applied/timesyncd", "vps/base/handler timesyncd"),
        ("systemctl disable --quiet --now systemd-timesyncd", "vps/base/unit systemd-timesyncd.service"),
    ],
)
def test_it_is_refused_when_the_host_has_moved_on(plan, moved, expected):
    on_host("vps", moved)
    before = fingerprints(OTHERS)
    run = estate_command("apply", str(plan))
    assert run.code == ExitCode.REFUSED, run.text
    assert expected in run.text
    assert fingerprints(OTHERS) == before


def test_it_is_refused_when_what_is_declared_has_moved_on(plan, tmp_path):
    copy = Checkout.copy_to(tmp_path / "estate")
    copy.edit("templates/base/journald.conf.j2", "[Journal]", "[Journal]\n# a change\n")
    text = plan.read_text()
    run = copy.pyinfra("--limit", "vps", stdin="\n", environment={"ESTATE_PLAN": str(plan)})
    assert run.code == ExitCode.REFUSED, run.text
    assert "is declared otherwise now" in run.text
    assert plan.read_text() == text


def test_what_is_not_a_plan_is_refused(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("{}")
    run = estate_command("apply", str(path))
    assert run.code == ExitCode.REFUSED
    assert "is not a plan" in run.text
