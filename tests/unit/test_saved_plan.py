"""A saved plan is applied only while everything that it was made from still holds."""

import pytest

from estate.models.desired import Desired, File, Handler, Tree
from estate.models.faults import EstateFaults
from estate.plan.state import ContainerState, HostState, PathState, UnitState
from estate.run import saved_plan
from estate.run.saved_plan import Plan, differences, read, task_plans, write

PATH = PathState("regular file", 0o644, ("root", "0"), ("root", "0"), "digest")
CHANGE = {"host": "vps", "task": "base", "kind": "file", "name": "/a", "action": "update", "why": (), "diff": ""}


def desired(content=b"x", packages=("curl",)):
    return Desired("base", packages, tree=Tree((File("/a", content),)), handlers=(Handler("h", "true", "d"),))


def state(**changed):
    base = {
        "packages": frozenset({"curl"}),
        "paths": {"/a": PATH, "/var/lib/estate/trees/base": PATH},
        "units": {"ssh": UnitState("enabled", "active")},
        "sysctl": {"k": "1"},
        "stamps": {"h": "d"},
        "containers": {"web": ContainerState("web", "web", "image:1", "running", "healthy", {"env": "1"})},
    }
    return HostState(**(base | changed))


def plan(want=None, there=None, changes=(CHANGE,), commit="aaaa"):
    tasks = task_plans({"vps": {"base": want or desired()}}, {"vps": {"base": there or state()}})
    return Plan(run="r", inventory="inventories/lab.py", commit=commit, hosts=tasks, changes=changes)


def test_a_plan_that_still_holds_has_no_differences():
    assert differences(plan(), plan()) == []


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (
            plan(want=desired(b"y"), commit="bbbb"),
            "vps/base/path /a: is declared otherwise now (commit aaaa, now bbbb)",
        ),
        (plan(want=desired(packages=("curl", "jq"))), "vps/base/package jq: is declared otherwise"),
        (plan(there=state(packages=frozenset())), "vps/base/package curl: was changed on the host"),
        (plan(there=state(paths={})), "vps/base/path /a: was changed on the host"),
        (plan(there=state(units={"ssh": UnitState("disabled", "active")})), "vps/base/unit ssh: was changed"),
        (plan(there=state(sysctl={"k": "2"})), "vps/base/sysctl k: was changed"),
        (plan(there=state(stamps={})), "vps/base/handler h: was changed"),
        (plan(there=state(containers={})), "vps/base/container web: was changed"),
        (plan(changes=()), "vps/base: update file /a is no longer pending"),
        (plan(changes=(CHANGE, {**CHANGE, "name": "/b"})), "vps/base: update file /b was not in the plan"),
    ],
)
def test_whatever_has_moved_on_is_named(now, expected):
    found = differences(plan(), now)
    assert len(found) == 1
    assert str(found[0]).startswith(expected)
    assert found[0].remedy


def test_what_comes_and_goes_by_itself_does_not_count():
    starting = ContainerState("web", "web", "image:1", "running", "starting", {"env": "1"})
    now = plan(there=state(containers={"web": starting}, units={"ssh": UnitState("enabled", "activating")}))
    assert differences(plan(), now) == []


def test_another_host_counts():
    more = plan()
    more.hosts["tokyo"] = more.hosts["vps"]
    assert {fault.path.split("/")[0] for fault in differences(plan(), more)} == {"tokyo"}


def test_it_is_kept_for_its_owner_alone(tmp_path):
    path = tmp_path / "plan.json"
    write(plan(), path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(path).hosts == plan().hosts


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json"])
def test_what_is_not_a_plan_is_refused(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(EstateFaults, match="is not a plan"):
        read(path)
    with pytest.raises(EstateFaults, match="no such file"):
        read(tmp_path / "nothing")


def test_no_value_of_a_secret_is_in_it():
    poison = "a-poison-value-of-a-secret"
    text = plan(want=desired(poison.encode())).model_dump_json()
    assert poison not in text
    assert saved_plan.wanted_items(desired(poison.encode()))["path /a"]
