"""The commands of docs/runbooks run as they are written there."""

import os
import re
import subprocess

import pytest
from estate_copy import BIN, REPO, Checkout

pytestmark = pytest.mark.mainframe

PAGES = sorted(path for path in (REPO / "docs" / "runbooks").glob("*.md") if path.name != "README.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)

EXPECTED = {
    "regenerate-env": ["nothing changed"],
    "add-a-secret": ["EXAMPLE_API_KEY is set", "EXAMPLE_API_KEY is removed"],
    "rotate-a-secret": ["HERMES_API_TOKEN is rotated; recreated: hermes-api"],
    "rotate-a-token": ["deploy-token is rotated", "host-token is rotated", "operator-token is rotated"],
    "deploy-without-infisical": ["SECRETS COME FROM THE SEALED COPY"],
    "set-infisical-up-again": ["Infisical is empty", "│ differs", "nothing"],
    "work-with-env-files": ["and Infisical agree", "0 would be written"],
    "vaultwarden-admin": ["no config.json"],
    "ssh-access": ["mainframe", "sudo works"],
    "quick-reference": ["hermes-api", "0 refused", "manual/", ": ok in "],
}
"""What a page's output says when it did what it is for."""


def script(page):
    return "set -euo pipefail\n" + "\n".join(BLOCK.findall(page.read_text()))


def test_every_page_has_its_expectation():
    assert {page.stem for page in PAGES} == EXPECTED.keys()


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_runbook_does_what_it_says(page, tmp_path):
    environment = os.environ | {
        "INVENTORY": "inventories/lab.py",
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    file = tmp_path / "script"
    file.write_text(script(page))
    result = subprocess.run(
        ["bash", str(file)],
        stdin=subprocess.DEVNULL,
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    for text in EXPECTED[page.stem]:
        assert text in output, output


def test_the_mainframe_is_as_declared_afterwards():
    run = Checkout().dry_run("--limit", "mainframe")
    assert run.code == 0, run.text
    assert run.changes == []
