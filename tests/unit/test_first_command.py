"""The first command of a run: lock, preflight and every task's state in one; the last one: the journal and the lock."""

import subprocess

from estate.facts import host_state
from estate.facts.host_state import StateQuery, all_scripts, recalled, remember, split
from estate.models.desired import Desired, File, Tree
from estate.run.journal import SHORT, leave_script
from estate.run.lock import Holder
from estate.run.start import queries

ME = Holder("20261121T000000Z-abcd", "mitch@laptop", "2026-11-21T00:00:00Z", "pyinfra")


class Target:
    name = "tokyo"


def test_each_tasks_state_is_told_apart_from_the_preflight(tmp_path, monkeypatch):
    monkeypatch.setattr(host_state, "_known", {})
    file = tmp_path / "motd"
    file.write_text("hello\n")
    wanted = [Desired(name, tree=Tree((File(str(file), b""),))) for name in ("base", "edge")]
    script = f"( echo 'uid\t0'; exit 0 )\n{all_scripts([StateQuery(one) for one in wanted])}"
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    outside, states = split(printed)
    assert outside == ["uid\t0"]
    assert list(states) == ["base", "edge"]
    remember(Target, states)
    assert recalled(Target)["edge"].paths[str(file)].type == "regular file"


def test_a_state_that_broke_off_is_read_again():
    assert split(["uid\t0", "state-begin base", "P\tcurl\tii"]) == (["uid\t0"], {})


def test_a_state_that_cannot_be_understood_is_read_again(monkeypatch):
    monkeypatch.setattr(host_state, "_known", {})
    remember(Target, {"base": ["what is this"], "edge": []})
    assert list(recalled(Target)) == ["edge"]


def test_without_tasks_nothing_is_added():
    assert all_scripts([]) == ""


def test_a_stacks_state_is_left_to_its_task():
    tasks = {name: Desired(name) for name in ("base", "docker_stack")}
    assert [str(query) for query in queries({"mainframe": tasks})["mainframe"]] == ["base"]


def test_a_quiet_journal_goes_with_the_command_and_any_other_through_its_input():
    quiet, reads = leave_script(ME, '{"it\'s": 1}\n', quiet=True)
    assert quiet.startswith("printf %s ")
    assert reads == ""
    loud, reads = leave_script(ME, "{}\n", quiet=False)
    assert "printf %s '{}" not in loud
    assert reads == "{}\n"
    assert leave_script(ME, "x" * (SHORT + 1), quiet=True)[1]
    assert leave_script(ME, "", quiet=True)[1] == ""


def test_the_command_writes_what_it_was_given(tmp_path):
    script, _ = leave_script(ME, '{"it\'s": "50 %"}\n', quiet=True)
    script = script.replace("/var/lib/estate", str(tmp_path))
    subprocess.run(["sh", "-c", script], check=True, capture_output=True)
    assert (tmp_path / "journal" / f"{ME.run}.json").read_text() == '{"it\'s": "50 %"}\n'
