"""Two controllers, and command lines that would make a run unsafe."""

import pytest
from estate_copy import Checkout, estate_command, fingerprints
from scenes import await_mark, finish, lock_of, slow_copy

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.hosts


@pytest.mark.fault("two controllers at once", sees="locked by whom, since when, for what, at once", codes=[7])
def test_the_second_controller_is_told_who_is_at_work(tmp_path):
    process = slow_copy(tmp_path, 20).start("--limit", "vps")
    await_mark("vps")
    run = Checkout().deploy("--limit", "vps")
    assert process.poll() is None, "refused while the first one still works, not after it"
    assert run.code == ExitCode.LOCKED, run.text
    assert "vps/lock: locked by" in run.text
    assert "estate unlock lab vps" in run.text
    assert run.changes == []
    plan = Checkout().dry_run("--limit", "vps")
    assert plan.code == 0, "a dry run only reads"
    code, text = finish(process)
    assert code == 0, text


@pytest.mark.fault("lock broken under a run", sees="the lock was lost; nothing more is changed", codes=[7])
def test_a_run_that_lost_its_lock_changes_nothing_more(tmp_path):
    process = slow_copy(tmp_path, 14).start("--limit", "vps")
    await_mark("vps")
    said = estate_command("unlock", "inventories/lab.py", "vps")
    assert "removed the lock of" in said.text
    code, text = finish(process)
    assert code == ExitCode.LOCKED, text
    assert "the lock" in text
    assert lock_of("vps") == ""


@pytest.mark.alone
@pytest.mark.fault(
    "unsafe command line (--no-wait, --dry -y, --limit typo, --limit a,b)", sees="why, and what to write", codes=[3]
)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-y", "--no-wait"), "--no-wait: pyinfra ends with 0 after a failure"),
        (("-y", "--dry"), "--dry -y: pyinfra skips looking for changes"),
        (("-y", "--limit", "mainfraem"), "did you mean mainframe"),
        (("-y", "--limit", "vps,omv"), "give the option once for every name"),
    ],
)
def test_an_unsafe_command_line_is_refused(options, expected):
    before = fingerprints()
    run = Checkout().pyinfra(*options)
    assert run.code == ExitCode.REFUSED, run.text
    assert expected in run.text
    assert fingerprints() == before


@pytest.mark.fault(
    "one host fails in the middle",
    sees="which operation failed where; no host begins its next task",
    codes=[5],
    hosts="vps omv",
)
def test_after_a_failure_no_host_begins_its_next_task(tmp_path):
    copy = Checkout.copy_to(tmp_path / "estate")
    copy.edit(
        "estate/render/base.py",
        '"systemctl restart systemd-journald"',
        '"[ $(hostname) != omv ] && systemctl restart systemd-journald"',
    )
    copy.edit("templates/base/journald.conf.j2", "[Journal]", "[Journal]\n# a change\n")
    run = copy.deploy("--limit", "vps", "--limit", "omv")
    assert run.code == ExitCode.NOT_RETURNED, run.text
    assert "stopped before Firewall, as Base failed" in run.text
    assert "Starting operation: Firewall" not in run.text
    assert "omv: not returned (Base | Apply configuration)" in run.text
