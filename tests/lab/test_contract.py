"""The contract suite against the deployed Infisical: the same promises with its state in PostgreSQL."""

import os
import socket
import subprocess
import sys
import time

import pytest
from estate_copy import REPO, Checkout, on_host, sealed_copy

pytestmark = pytest.mark.mainframe


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def url():
    """The container's own port through an SSH tunnel: the SDK takes no certificate authority of one's own."""
    assert Checkout().deploy("--limit", "mainframe").code == 0
    inspect = "docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' infisical"
    address, port = on_host("mainframe", inspect).strip(), free_port()
    config = str(REPO / ".lab" / "ssh_config")
    tunnel = subprocess.Popen(["ssh", "-F", config, "-N", "-L", f"{port}:{address}:8082", "mainframe"])
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    tunnel.terminate()


def test_the_deployed_infisical_keeps_the_contract(url):
    access = sealed_copy().access
    environment = os.environ | {
        "INFISICAL_URL": url,
        "INFISICAL_PROJECT_ID": access.project,
        # Not the environment that the estate reads
        "INFISICAL_ENVIRONMENT": "dev",
        "INFISICAL_CLIENT_ID": access.operator.client_id,
        "INFISICAL_CLIENT_SECRET": access.operator.secret.secret.get_secret_value(),
        "INFISICAL_VIEWER_ID": access.deploy.client_id,
        "INFISICAL_VIEWER_SECRET": access.deploy.secret.secret.get_secret_value(),
    }
    suite = ("tests/contract/test_errors.py", "tests/contract/test_secrets.py")
    argv = [sys.executable, "-m", "pytest", "-q", *suite]
    result = subprocess.run(argv, cwd=REPO, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-3000:]
    assert "passed" in result.stdout


def test_what_it_keeps_outlives_its_container():
    before = Checkout().dry_run("--limit", "mainframe")
    assert before.changes == []
    on_host("mainframe", "docker restart infisical >/dev/null")
    healthy = "[ \"$(docker inspect --format '{{.State.Health.Status}}' infisical)\" = healthy ]"
    on_host("mainframe", f"until {healthy}; do sleep 1; done")
    after = Checkout().dry_run("--limit", "mainframe")
    assert after.code == 0, after.text
    assert after.changes == []
