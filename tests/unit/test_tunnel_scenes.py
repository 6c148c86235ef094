"""The scenes of tests/tunnel_scenes.py, in a process that pyinfra has not touched."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def test_data_flow_through_the_tunnel_and_pangolin_is_set_up():
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "tunnel_scenes.py")]
    result = subprocess.run(argv, cwd=TESTS.parent, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout[-5000:]
