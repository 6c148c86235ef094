"""A converged host costs few remote commands: the promise behind docs/performance.md (its times are never asserted)."""

import json
import subprocess
import sys

import pytest
from estate_copy import REPO, Checkout

from lab.bench.counted import totals

pytestmark = pytest.mark.mainframe

MOST = 12


def test_a_no_op_deploy_of_the_mainframe_needs_at_most_12_remote_commands(tmp_path):
    converged = Checkout().deploy_when_free("--limit", "mainframe")
    assert converged.code == 0, converged.text
    counts = tmp_path / "counts.json"
    argv = [sys.executable, "-m", "lab.bench.counted", str(counts), "-y", "--limit", "mainframe"]
    run = subprocess.run(
        [*argv, "inventories/lab.py", "deploy.py"], cwd=REPO, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert 0 < totals(json.loads(counts.read_text()))["mainframe"] <= MOST
