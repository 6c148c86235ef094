"""Pruning of real stores: bounded, by name, and only behind a proven set."""

import shutil

import pytest
from backup_host import Host

from estate_backup import __main__, check, prune, show, state
from estate_backup.store import open_store


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def pruned(host, dry_run=False):
    return prune.prune(host.config, open_store(host.config, "near"), dry_run)


def test_sets_go_when_the_newest_is_proven_and_not_before(host):
    made = [host.run() for _ in range(4)]
    assert len(host.sets()) == 4
    assert "no drill has proven" in made[-1].stores["near"].kept_all
    host.prove(made[-1].id)
    assert pruned(host, dry_run=True).sets == (f"daily/{made[0].id}", f"daily/{made[1].id}")
    assert len(host.sets()) == 4
    assert len(pruned(host).sets) == 2
    assert [path.name for path in host.sets()] == [made[2].id, made[3].id]


def test_a_run_prunes_behind_itself_when_a_drill_was_good(host):
    first = host.run()
    host.prove(first.id)
    later = [host.run() for _ in range(3)]
    # the first stays: it is the newest that a drill has proven
    assert [path.name for path in host.sets()] == [first.id, later[1].id, later[2].id]
    assert later[2].stores["near"].pruned == [f"daily/{later[0].id}"]


def test_nothing_goes_while_the_newest_set_is_suspect_until_it_is_accepted(host):
    made = [host.run() for _ in range(3)]
    host.prove(made[-1].id)
    for path in (host.data / "s3" / "bucket").iterdir():
        path.unlink()
    bad = host.run()
    assert bad.suspect == ["s3/objects: shrunk: 0 files, 12 in the last good set"]
    host.prove(bad.id)
    assert "is suspect or lacks a service" in pruned(host).why
    assert len(host.sets()) == 4
    show.accept(host.config, bad.id)
    assert pruned(host).sets
    assert state.last(host.config)["accepted"] == [bad.id]
    assert host.run().suspect == []


def test_nothing_goes_while_the_newest_set_lacks_a_service(host):
    made = [host.run() for _ in range(3)]
    (host.data / "vault" / "db.sqlite3").rename(host.base / "db")
    bad = host.run()
    assert "vault" in bad.failed
    host.prove(made[-1].id)
    host.prove(bad.id)
    assert not pruned(host).sets
    assert len(host.sets()) == 4


def test_an_interrupted_upload_goes_behind_a_proven_set(host):
    first = host.run()
    (host.base / "near" / "daily" / first.id / "manifest.json.sig").unlink()
    second = host.run()
    host.prove(second.id)
    assert pruned(host).sets == (f"daily/{first.id}",)
    assert [path.name for path in host.sets()] == [second.id]


def ahead(host, identity="2099-01-01T000000Z"):
    """An upload that did not end, of a clock that was ahead."""
    made = host.run()
    shutil.copytree(host.base / "near" / "daily" / made.id, host.base / "near" / "daily" / identity)
    (host.base / "near" / "daily" / identity / "manifest.json.sig").unlink()
    return identity


def test_an_upload_that_is_dated_ahead_is_named_until_it_is_removed(host, capsys):
    identity = ahead(host)
    made = [host.run() for _ in range(3)]
    host.prove(made[-1].id)
    assert not pruned(host).sets
    (found,) = check.check(host.config, ["near"])
    assert found.ok
    assert found.incomplete == [f"daily/{identity}"]
    said = show.status(host.config)
    assert said["incomplete"] == {"near": [f"daily/{identity}"]}
    assert f"prune --incomplete {identity}" in said["not_pruned"]["near"]
    assert program(host, "prune", "--incomplete", identity) == 0
    assert not (host.base / "near" / "daily" / identity).exists()
    assert show.status(host.config)["incomplete"] == {}
    assert len(pruned(host).sets) == 2


def test_only_an_upload_that_did_not_end_is_removed_by_its_name(host, capsys):
    made = host.run()
    assert program(host, "prune", "--incomplete", made.id) == 1
    assert "is complete" in capsys.readouterr().out
    (host.base / "near" / "daily" / made.id / "manifest.json").write_text("{}")
    assert program(host, "prune", "--incomplete", made.id, "--store", "near") == 1
    assert (host.base / "near" / "daily" / made.id / "manifest.json.sig").exists()
    assert program(host, "prune", "--incomplete", "2099-01-01T000000Z") == 1


def program(host, *words):
    return __main__.main(["--config", str(host.root / "backups" / "config.json"), *words])


def test_objects_that_no_set_names_go_and_the_others_stay(host):
    first = host.run()
    (host.data / "s3" / "bucket" / "object-0").unlink()
    later = [host.run() for _ in range(2)]
    host.prove(later[-1].id)
    store = open_store(host.config, "near")
    assert len(store.objects()) == 12
    result = pruned(host)
    assert result.sets == (f"daily/{first.id}",)
    assert result.objects == 1
    (ref, *_) = store.sets()
    assert set(store.objects()) == set(store.manifest(ref).objects)


def test_objects_stay_while_a_set_cannot_be_read(host):
    made = [host.run() for _ in range(2)]
    (host.data / "s3" / "bucket" / "object-0").unlink()
    made += [host.run() for _ in range(2)]
    host.prove(made[-1].id)
    (host.base / "near" / "daily" / made[1].id / "manifest.json").write_text("{}")
    result = pruned(host)
    assert result.sets == (f"daily/{made[0].id}",)
    assert result.objects == 0
    assert "a set cannot be read" in result.why


def test_a_store_that_lost_its_sets_loses_no_object(host):
    host.run()
    for path in host.sets():
        (path / "manifest.json.sig").unlink()
    assert pruned(host).why == "there is no complete set"
    assert len(open_store(host.config, "near").objects()) == 12


def test_a_write_only_store_is_not_pruned(host):
    host.given["stores"] = [{"name": "b2", "kind": "rclone", "remote": "b2:x/y", "readable": False}]
    host.write()
    assert "lifecycle" in prune.prune(host.config, open_store(host.config, "b2")).why
