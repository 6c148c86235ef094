"""The hub's copies of the nodes' backups, run for real against another directory, as their unit would."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "files" / "nixos"
pytestmark = pytest.mark.skipif(shutil.which("rclone") is None, reason="not installed: rclone")
FIRST, SECOND = "tokyo/00001763700000000.age", "tokyo/00001763786400000.age"


@pytest.fixture
def hub(tmp_path):
    """What the push bridge keeps."""
    for name, text in ((FIRST, "first"), (SECOND, "second"), (".incoming/half", "half")):
        path = tmp_path / "hub" / "backups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "hub"


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def run(script, hub, store, **environment):
    values = {
        "STATE_DIRECTORY": str(hub),
        "OFFSITE_TARGET": "offsite:vaults",
        "RCLONE_CONFIG_OFFSITE_TYPE": "alias",
        "RCLONE_CONFIG_OFFSITE_REMOTE": str(store),
    }
    text = (SCRIPTS / f"{script}.sh").read_text().replace("--retries-sleep 20s", "--retries-sleep 1ms")
    result = subprocess.run(
        ["bash", "-e", "-c", text], env=os.environ | values | environment, capture_output=True, text=True, check=False
    )
    return result.returncode, result.stderr


def there(store):
    return {str(p.relative_to(store / "vaults")): p.read_text() for p in (store / "vaults").rglob("*") if p.is_file()}


def test_whole_backups_are_copied_and_counted(hub, store):
    code, said = run("vault-offsite", hub, store)
    assert code == 0
    assert "2 matching files" in said
    assert there(store) == {FIRST: "first", SECOND: "second"}


def test_what_the_hub_no_longer_has_stays(hub, store):
    run("vault-offsite", hub, store)
    shutil.rmtree(hub / "backups" / "tokyo")
    assert run("vault-offsite", hub, store)[0] == 0
    assert there(store) == {FIRST: "first", SECOND: "second"}


@pytest.mark.parametrize("side", ["hub", "store"])
def test_a_copy_that_is_another_is_never_replaced_and_fails(hub, store, side):
    run("vault-offsite", hub, store)
    damaged = hub / "backups" / FIRST if side == "hub" else store / "vaults" / FIRST
    damaged.write_text("spoilt")
    os.utime(damaged, (1, 1))
    before = there(store)
    code, said = run("vault-offsite", hub, store)
    assert code != 0
    assert FIRST in said
    assert there(store) == before


def test_a_store_that_does_not_answer_fails_and_is_tried_again(hub, store):
    shutil.rmtree(store)
    store.touch()  # no directory, so nothing can be made in it
    code, said = run("vault-offsite", hub, store)
    assert code != 0
    assert "Attempt 3/3 failed" in said


def test_they_come_back_and_what_is_there_stays(hub, store):
    run("vault-offsite", hub, store)
    (hub / "backups" / FIRST).unlink()
    (hub / "backups" / "seoul").mkdir()
    (hub / "backups" / "seoul" / "1.age").write_text("newer")
    assert run("vault-offsite-back", hub, store) == (0, "")
    assert (hub / "backups" / FIRST).read_text() == "first"
    assert (hub / "backups" / "seoul" / "1.age").read_text() == "newer"
