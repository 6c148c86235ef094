"""Single sign-on of the deployed homelab, from a browser outside: through the VPS, the tunnel, Authentik and back."""

import os
import subprocess
import sys

import pytest
from estate_copy import REPO, sealed_copy

from estate.sso.clients import client, secret_of
from lab.hosts import HOMELAB_DOMAIN, VPS
from lab.paths import lab_paths

pytestmark = pytest.mark.homelab


def test_the_deployed_authentik_keeps_the_contract():
    values = sealed_copy().values()
    environment = os.environ | {
        "AUTHENTIK_URL": f"https://auth.{HOMELAB_DOMAIN}",
        "AUTHENTIK_ADDRESS": VPS,
        "AUTHENTIK_CA": str(lab_paths().ca_cert),
        "AUTHENTIK_TOKEN": values["AUTHENTIK_BOOTSTRAP_TOKEN"],
        "AUTHENTIK_CLIENT_SECRET": values[secret_of(client("hl-grafana")).name],
    }
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_sso.py"]
    result = subprocess.run(argv, cwd=REPO, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-3000:]
    assert "passed" in result.stdout
