"""Which containers a plan recreates, beyond what their labels say."""

from pathlib import Path

import pytest

from estate.inventory import load
from estate.models.desired import File
from estate.plan.containers import drifted_files
from estate.plan.files import FilePlan
from estate.plan.state import HostState, PathState

STACK = load(Path(__file__).resolve().parents[2] / "inventories" / "prod.py").stacks["mainframe"]
ENV = f"{STACK.compose_dir}/.env"


def state(there, ours):
    return HostState(
        paths={ENV: PathState("regular file", 0o600, ("root", "0"), ("root", "0"), there)},
        manifest={ENV: ours} if ours is not None else {},
    )


@pytest.mark.parametrize(
    ("there", "ours", "written", "expected"),
    [
        ("a", "a", True, False),
        ("b", "a", False, False),
        ("b", "a", True, True),
        ("b", "", True, False),
        ("b", None, True, False),
    ],
    ids=["a new value", "brought in line by the host", "somebody else's", "an older manifest", "never deployed"],
)
def test_an_env_file_of_somebody_elses_recreates_those_that_may_have_started_with_it(there, ours, written, expected):
    plan = FilePlan(write=(File(ENV, b"x"),) if written else ())
    found = drifted_files(STACK, plan, state(there, ours))
    assert ("hermes-api" in found) is expected
    assert "prometheus" not in found
