"""Manifests and contents: what was written is read again, and names that leave the set are refused."""

import json

import pytest

from estate_backup import manifest
from estate_backup.errors import BackupError
from estate_backup.manifest import Contents, File, Kept, Manifest, Part

SHA = "a" * 64
GOOD = Manifest(
    id="2026-11-21T150000Z",
    kind="daily",
    host="mainframe",
    sequence=17,
    started="2026-11-21T15:00:00Z",
    finished="2026-11-21T15:01:00Z",
    commit="c0ffee",
    tool={"rclone": "1.60.1"},
    recipients=("age1x",),
    previous="2026-11-20T150000Z",
    services={"postgres": Kept("postgres:16", ("KEY",), ("postgres/postgres-prodg.dump.age",))},
    files={"postgres/postgres-prodg.dump.age": File(123, SHA), "contents.json.age": File(5, SHA, "m", "s")},
    objects=(SHA,),
    suspect=("postgres/x: shrunk",),
    failed={"redis": "no container"},
)


def test_a_manifest_is_read_as_it_was_written():
    assert manifest.load(GOOD.dump()) == GOOD
    assert GOOD.size == 128


def test_contents_are_read_as_they_were_written():
    contents = Contents({"postgres": {"postgres-prodg.dump": Part(3, SHA, {"tables": {"public.users": 12}})}})
    assert manifest.load_contents(contents.dump()) == contents


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../etc/passwd": {"size": 1, "sha256": SHA}}},
        {"files": {"/etc/passwd": {"size": 1, "sha256": SHA}}},
        {"files": {"a/../b": {"size": 1, "sha256": SHA}}},
        {"objects": ["../x"]},
        {"id": "newest"},
        {"kind": "objects"},
        {"format": 2},
        {"files": {"a": {"size": 1}}},
        {"services": []},
    ],
)
def test_a_manifest_that_no_run_wrote_is_refused(change):
    with pytest.raises(BackupError):
        manifest.load(json.dumps({**json.loads(GOOD.dump()), **change}))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": 1}'])
def test_what_is_no_manifest_is_a_fault(text):
    with pytest.raises(BackupError, match="is not a manifest"):
        manifest.load(text)
    with pytest.raises(BackupError, match="is not a set's contents"):
        manifest.load_contents(text)


def test_a_later_program_may_add_keys():
    assert manifest.load(json.dumps({**json.loads(GOOD.dump()), "colour": "red"})) == GOOD
