"""The script that writes files: run here over a temporary tree, as the host would run it."""

import base64
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from estate.models.desired import Desired, Directory, File, Handler, Tree
from estate.operations.files import outdated_stamps, payload
from estate.plan.files import FilePlan, plan_files
from estate.plan.state import HostState

SCRIPT = Path(__file__).resolve().parents[2] / "estate" / "operations" / "tree_apply.sh"
ME = (str(os.getuid()), str(os.getgid()))


@pytest.fixture
def script(tmp_path):
    """The script with its state below the test's own directory."""
    text = SCRIPT.read_text()
    assert text.count("state=/var/lib/estate\n") == 1
    return text.replace("state=/var/lib/estate\n", f"state={tmp_path}/state\n")


def file(path, content, mode=0o640):
    return File(str(path), content.encode(), mode=mode, owner=ME[0], group=ME[1])


def apply(script, plan, stamps=(), **options):
    return subprocess.run(["sh", "-c", script], input=payload(plan, stamps), text=True, capture_output=True, **options)


def leftovers(root):
    return [str(p) for p in root.rglob("*") if "estate-new" in p.name or p.name == "incoming"]


def test_it_creates_updates_adjusts_and_removes(script, tmp_path):
    root = tmp_path / "etc"
    directory = Directory(str(root / "sub"), mode=0o750, owner=ME[0], group=ME[1])
    assert apply(script, FilePlan(write=(file(root / "sub/a", "one\n"),), make=(directory,))).returncode == 0
    assert (root / "sub/a").read_text() == "one\n"
    assert (root / "sub/a").stat().st_mode & 0o777 == 0o640
    assert (root / "sub").stat().st_mode & 0o777 == 0o750
    (root / "sub/gone").write_text("x")
    plan = FilePlan(
        write=(file(root / "sub/b", "two $HOME `id` \\ \n"),),
        adjust=(file(root / "sub/a", "", mode=0o600),),
        remove=(str(root / "sub/gone"),),
    )
    assert apply(script, plan).returncode == 0
    assert (root / "sub/b").read_text() == "two $HOME `id` \\ \n"
    assert (root / "sub/a").read_text() == "one\n"
    assert (root / "sub/a").stat().st_mode & 0o777 == 0o600
    assert not (root / "sub/gone").exists()
    assert leftovers(tmp_path) == []


def test_directories_that_a_removal_leaves_empty_go_too(script, tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("x")
    (tmp_path / "keep").write_text("x")
    assert apply(script, FilePlan(remove=(str(tmp_path / "a/b/file"),))).returncode == 0
    assert not (tmp_path / "a").exists()


def test_a_full_disk_leaves_the_old_file(script, tmp_path):
    target = tmp_path / "f"
    target.write_text("old\n")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "df").write_text("#!/bin/sh\necho head; echo x 1 1 10 1% /\n")
    (tools / "df").chmod(0o755)
    result = apply(
        script.replace("PATH=/usr/local/sbin", f"PATH={tools}:/usr/local/sbin"),
        FilePlan(write=(file(target, "new\n"),)),
    )
    assert result.returncode == 1
    assert "not enough room" in result.stderr
    assert target.read_text() == "old\n"


def test_a_connection_cut_anywhere_leaves_the_old_or_the_new_file(script, tmp_path):
    target = tmp_path / "f"
    target.write_text("old\n" * 2000)
    data = payload(FilePlan(write=(file(target, "new\n" * 2000),)))
    for cut in range(1, len(data), max(1, len(data) // 20)):
        subprocess.run(["sh", "-c", script], input=data[:cut], text=True, capture_output=True)
        assert target.read_text() in ("old\n" * 2000, "new\n" * 2000)
        assert leftovers(tmp_path) == []


def test_killed_at_any_moment_it_leaves_whole_files_and_a_second_run_finishes(script, tmp_path):
    files = tuple(file(tmp_path / f"f{n}", f"new {n}\n" * 500) for n in range(40))
    for one in files:
        Path(one.path).write_text("old\n")
    data = payload(FilePlan(write=files))
    for moment in (0.01, 0.02, 0.04, 0.06, 0.09):
        process = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, start_new_session=True, text=True)
        process.stdin.write(data)
        process.stdin.close()
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for one in files:
            assert Path(one.path).read_bytes() in (b"old\n", one.content)
    assert subprocess.run(["sh", "-c", script], input=data, text=True).returncode == 0
    assert all(Path(one.path).read_bytes() == one.content for one in files)
    assert leftovers(tmp_path) == []


def test_nothing_it_writes_is_ever_readable_by_others(script, tmp_path):
    """The temporary file is made under umask 077 and gets its mode before it gets its name."""
    text = SCRIPT.read_text()
    assert "umask 077" in text
    assert text.index('chmod "$mode" "$new"') < text.index('mv -fT "$new" "$path"')


def test_the_payload_is_base64_and_the_same_for_the_same_plan():
    plan = FilePlan(write=(file("/etc/x", "secret"),))
    assert payload(plan) == payload(plan)
    assert "secret" not in payload(plan)
    assert base64.b64decode(payload(plan))


def test_stamps_of_what_is_about_to_be_written_go_first():
    item = file("/etc/x", "new")
    desired = Desired(
        "t", tree=Tree((item,)), handlers=(Handler("h", "true", "d", ("/etc/x",)), Handler("i", "true", "d"))
    )
    plan = plan_files(desired, HostState())
    assert outdated_stamps(desired, plan) == ["/var/lib/estate/applied/h"]
