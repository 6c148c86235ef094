"""The rehearsal: the mainframe is destroyed, and docs/disaster-recovery.md brings everything back to a new one."""

import subprocess
import time

import pytest
from backup_scenes import HOST, LAB, backup, fill, look, page
from estate_copy import BIN, REPO, Checkout, estate_command, sealed_copy

from lab.inventory import current_profile

pytestmark = pytest.mark.lab
SEALED = REPO / ".lab" / "secrets.age"


def secrets_of_infisical():
    run = estate_command("secrets", "status", LAB)
    assert run.code == 0, run.text
    return sealed_copy().values()


def test_everything_comes_back_after_the_machine_is_gone(capsys):
    run = Checkout().deploy_when_free("--limit", HOST)
    assert run.code == 0, run.text
    fill()
    before, secrets = look(), secrets_of_infisical()
    backup("run", "--kind", "daily")
    made = time.time()
    subprocess.run(["docker", "rm", "--force", "--volumes", f"estate-lab-{HOST}"], check=True, capture_output=True)
    subprocess.run(["docker", "volume", "rm", "--force", f"estate-lab-{HOST}-docker"], check=True, capture_output=True)
    copy = SEALED.read_bytes()
    lost = time.time()
    run = estate_command("lab", "up", "--profile", current_profile())
    assert run.code == 0, run.text
    # The lab starts a new machine with new secrets; an operator has the sealed copy still
    SEALED.write_bytes(copy)
    began = time.time()
    page("docs/disaster-recovery.md", "--secrets sealed")
    deployed = time.time() - began
    page("docs/disaster-recovery.md", "estate backup restore")
    recovered = time.time() - began
    assert look() == before
    page("docs/disaster-recovery.md", "estate secrets status")
    assert secrets_of_infisical() == secrets
    run = Checkout().deploy_when_free()
    assert (run.code, run.changes) == (0, []), run.text
    proof = subprocess.run(
        [str(BIN / "pytest"), "tests/verify", "--inventory", LAB, "--limit", HOST, "-q", "--tb=short"],
        cwd=REPO, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert proof.returncode == 0, proof.stdout
    with capsys.disabled():
        print(f"\nrehearsal: RTO {recovered:.0f} s (deployed after {deployed:.0f} s), RPO {lost - made:.0f} s")
