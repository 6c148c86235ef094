"""Stores: sets arrive whole or do not exist, what is there is never overwritten, and faults name the store."""

import shutil
import threading
import time

import pytest
from backup_host import S3, Gate, Host

from estate_backup import mounts, rclone
from estate_backup.errors import BackupError
from estate_backup.store import SetRef, open_store

ID = "2026-09-21T151320Z"
REF = SetRef("daily", ID, True, 1)


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch, real=True)


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with S3(tmp_path_factory.mktemp("remote")) as server:
        yield server


@pytest.fixture
def gate(host, s3):
    """An S3 store `b2`, and only that, behind a gate that answers as a test says."""
    with Gate(s3.port) as front:
        for path in sorted((host.data / "s3" / "bucket").iterdir())[3:]:
            path.unlink()  # every object is a request
        host.given["stores"] = []
        host.remote("b2", front.endpoint, s3.path())
        yield front
        front.shutdown()


@pytest.fixture(params=["directory", "s3"])
def shipped(request, host):
    """A store of either kind that has one set, and the folder behind it."""
    return a_set(request, host)


def a_set(request, host):
    """Make the set in a folder, as that is quick, and put a copy of it behind the S3 server when it is to be there."""
    assert host.quick_run().ok
    if request.param == "directory":
        return open_store(host.config, "near"), host.base / "near"
    server = request.getfixturevalue("s3")
    host.given["stores"] = []
    path = server.hold(host.base / "near")
    host.remote("near", server.endpoint, path)
    return open_store(host.config, "near"), server.folder / path


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_a_set_arrives_whole(request, host, kind):
    if kind == "s3":
        server = request.getfixturevalue("s3")
        host.given["stores"] = []
        host.remote("near", server.endpoint, server.path())
    report = host.run()
    assert report.ok, report.faults()
    store = open_store(host.config, "near")
    (ref,) = store.sets()
    assert (str(ref), ref.complete) == (f"daily/{report.id}", True)
    assert set(store.objects()) == set(store.manifest(ref).objects)


def test_a_set_is_listed_and_its_files_are_fetched_as_they_were_signed(shipped, host):
    store, _ = shipped
    (ref,) = store.sets()
    assert (ref.kind, ref.complete, ref.sequence) == ("daily", True, 1)
    made = store.manifest(ref)
    for name in made.files:
        store.fetch(ref, name, host.base / "fetched")
        assert (host.base / "fetched").stat().st_size == made.files[name].size
    store.fetch_object(made.objects[0], host.base / "object")
    store.fetch_objects(made.objects, host.base / "objects")
    assert len(list((host.base / "objects").glob("*/*.age"))) == len(made.objects) == 12
    assert set(store.objects()) == set(made.objects)


def test_what_was_altered_is_not_fetched(shipped, host):
    store, folder = shipped
    (ref,) = store.sets()
    for path in (folder / str(ref) / "vault" / "db.sqlite3.age", next(folder.glob("objects/*/*.age"))):
        data = bytearray(path.read_bytes())
        data[-5] ^= 1
        path.write_bytes(data)
    with pytest.raises(BackupError, match=r"stores/near: daily/.*db\.sqlite3\.age: its sha256 is .*altered"):
        store.fetch(ref, "vault/db.sqlite3.age", host.base / "x")
    assert not (host.base / "x").exists()
    with pytest.raises(BackupError, match=r"stores/near: objects/.*altered"):
        store.fetch_objects(store.manifest(ref).objects, host.base / "objects")


def test_what_is_gone_is_told(shipped, host):
    store, folder = shipped
    (ref,) = store.sets()
    (folder / str(ref) / "vault" / "db.sqlite3.age").unlink()
    with pytest.raises(BackupError, match=r"stores/near: .*db\.sqlite3\.age"):
        store.fetch(ref, "vault/db.sqlite3.age", host.base / "x")
    with pytest.raises(BackupError, match="has no vault/other"):
        store.fetch(ref, "vault/other", host.base / "x")


@pytest.mark.parametrize("change", ["no signature", "no manifest", "other manifest", "moved"])
def test_a_set_without_its_own_verified_signature_does_not_exist(shipped, host, change):
    folder = shipped[1] / "daily" / ID
    (there,) = shipped[1].glob("daily/*")
    if change == "no signature":
        (there / "manifest.json.sig").unlink()
    elif change == "no manifest":
        (there / "manifest.json").unlink()
    elif change == "other manifest":
        text = (there / "manifest.json").read_text()
        (there / "manifest.json").write_text(text.replace('"mainframe"', '"mainfarme"'))
    else:
        shutil.move(there, folder.with_name("2026-12-24T000000Z"))
    store = open_store(host.config, "near")
    (ref,) = store.sets()
    assert not ref.complete
    assert ref.sequence is None
    words = {"other manifest": "signature does not match", "moved": "its manifest is of daily/"}
    assert words.get(change, "incomplete") in ref.fault
    with pytest.raises(BackupError, match="use another set"):
        store.manifest(ref)


def test_what_is_there_is_never_overwritten(shipped, host):
    store, folder = shipped
    (ref,) = store.sets()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    other = host.base / "other"
    shutil.copytree(folder / str(ref), other)
    (other / "vault" / "db.sqlite3.age").write_bytes(b"something else")
    with pytest.raises(BackupError, match="stores/near: send daily/"):
        store.put_set(ref.kind, ref.id, other)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_one_set_is_deleted_and_nothing_beside_it(shipped, host):
    store, folder = shipped
    assert host.quick_run().ok
    first, second = store.sets()
    with pytest.raises(BackupError, match=r"has 6 files, not up to 3"):
        store.delete(first, 3)
    store.delete(first, 100)
    assert [ref.id for ref in store.sets()] == [second.id]
    assert len(list(folder.glob("objects/*/*.age"))) == 12
    assert len(list(folder.glob(f"{second}/**/*.age"))) == 4


@pytest.mark.parametrize("ref", [SetRef("daily", "", True, 1), SetRef("objects", ID, True, 1), SetRef("", ID, True, 1)])
def test_what_is_no_set_is_never_deleted(shipped, ref):
    with pytest.raises(BackupError, match="is not the name of a set"):
        shipped[0].delete(ref, 100)


def test_objects_are_deleted_by_name_and_not_beyond_the_bound(shipped):
    store, folder = shipped
    shas = sorted(store.objects())
    assert store.delete_objects(shas[:5], 3) == 3
    assert sorted(store.objects()) == shas[3:]
    assert len(list(folder.glob("daily/*/manifest.json"))) == 1


# --- a remote that fails ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "remedy"), [(401, "see the key in"), (403, "see the key in")])
def test_a_key_that_is_refused_is_told_with_its_store_and_file(host, gate, status, remedy):
    gate.rule = lambda method, path: status
    report = host.run()
    assert not report.ok
    assert report.stores["b2"].why.startswith("stores/b2: ")
    assert remedy in report.stores["b2"].why
    assert "rclone.conf" in report.stores["b2"].why
    assert "lab-secret-key" not in str(report.document())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_store_that_limits_or_stumbles_is_asked_again(host, gate, monkeypatch, status):
    monkeypatch.setenv("RCLONE_LOW_LEVEL_RETRIES", "10")
    stumbled = set()

    def rule(method, path):
        if (method, path) in stumbled:
            return None
        stumbled.add((method, path))
        return status

    gate.rule = rule
    report = host.run()
    assert report.ok, report.faults()
    assert len(stumbled) > 8


@pytest.mark.parametrize("status", [429, 500])
def test_a_store_that_never_recovers_fails_by_name(host, gate, status):
    gate.rule = lambda method, path: status if method == "PUT" else None
    report = host.run()
    assert report.stores["b2"].why.startswith("stores/b2: send ")
    assert open_store(host.config, "b2").sets() == []


def test_a_store_that_does_not_answer_is_given_up(host, gate, monkeypatch):
    monkeypatch.setenv("RCLONE_TIMEOUT", "2s")
    gate.rule = lambda method, path: time.sleep(8) or 500
    began = time.monotonic()
    report = host.run()
    assert report.stores["b2"].why.startswith("stores/b2: ")
    assert time.monotonic() - began < 120


def test_a_full_remote_has_no_set_and_the_other_store_has_it(host, gate):
    host.given["stores"].append({"name": "near", "kind": "directory", "path": str(host.base / "near")})
    host.write()
    gate.rule = lambda method, path: 507 if method == "PUT" and "/daily/" in path else None
    report = host.run()
    assert not report.ok
    assert "507" in report.stores["b2"].why
    assert "make room in the store" in report.stores["b2"].why
    assert report.stores["near"].ok
    assert not any(ref.complete for ref in open_store(host.config, "b2").sets())


def test_a_server_that_dies_in_an_upload_leaves_an_incomplete_set_and_the_next_run_makes_another(host, gate, s3):
    """The manifest and the signature come last: killed before, there is no set."""

    def rule(method, path):
        if method == "PUT" and "contents.json.age" in path:
            s3.stop()
            return 500
        return None

    gate.rule = rule
    report = host.run()
    assert report.stores["b2"].why.startswith("stores/b2: ")
    gate.rule = lambda method, path: None
    s3.start()
    again = host.run()
    assert again.ok, again.faults()
    listed = {ref.id: ref for ref in open_store(host.config, "b2").sets()}
    assert listed[again.id].complete
    if report.id in listed:
        assert listed[report.id].fault.startswith("incomplete")


def test_an_rclone_that_is_killed_in_an_upload_leaves_an_incomplete_set(host, gate, monkeypatch):
    begun = threading.Event()

    def rule(method, path):
        if (method == "PUT" and "files.tar.zst.age" in path) or ("db.sqlite3.age" in path and method == "PUT"):
            begun.set()
            time.sleep(3)
        return None

    gate.rule = rule
    call = rclone.Rclone.call

    def killed(self, *words, timeout=600):
        if words[0] == "copy" and "/daily/" in words[2]:
            timeout = 1.5  # which kills it
        return call(self, *words, timeout=timeout)

    monkeypatch.setattr(rclone.Rclone, "call", killed)
    report = host.run()
    assert begun.is_set()
    assert "did not end within" in report.stores["b2"].why
    monkeypatch.setattr(rclone.Rclone, "call", call)
    gate.rule = lambda method, path: None
    again = host.run()
    assert again.ok, again.faults()
    assert [ref.id for ref in open_store(host.config, "b2").sets() if ref.complete] == [again.id]


def test_a_key_that_may_only_write_is_never_asked_anything(host, gate):
    gate.rule = lambda method, path: None if method == "PUT" else 403
    host.given["stores"][0]["readable"] = False
    host.write()
    for number in (1, 2):
        report = host.run()
        assert report.ok, report.faults()
        assert report.sequence == number
        assert "lifecycle" in report.stores["b2"].kept_all
    assert {method for method, _ in gate.seen} == {"PUT"}
    sent = [path for _, path in gate.seen if "/objects/" in path]
    assert len(sent) == 3  # the second run sent none again
    with pytest.raises(BackupError, match="may only write"):
        open_store(host.config, "b2").sets()
    host.given["stores"][0]["readable"] = True
    host.write()
    gate.rule = lambda method, path: None
    assert [ref.sequence for ref in open_store(host.config, "b2").sets() if ref.complete] == [1, 2]


# --- a folder that may not be mounted -----------------------------------------------------------------------------

MOUNTS = """22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:50 / /mnt/omv\\040share rw,relatime - nfs4 omv:/export/backups rw,vers=4.2
41 22 0:51 / /mnt/other rw,relatime - tmpfs tmpfs rw
"""


@pytest.fixture
def mountinfo(tmp_path, monkeypatch):
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    monkeypatch.setattr(mounts, "MOUNTINFO", path)
    return path


def test_mounts_are_read_as_the_kernel_writes_them(mountinfo):
    assert mounts.mounted("/mnt/omv share") == ["nfs4"]
    assert mounts.mounted("/mnt/gone") == []


@pytest.mark.parametrize(
    ("mount", "fault"), [("/mnt/gone", "is not mounted; mount /mnt/gone"), ("/mnt/other", "is tmpfs, not nfs or nfs4")]
)
def test_a_share_that_is_not_mounted_gets_nothing_and_the_others_get_the_set(host, mountinfo, mount, fault):
    store = {"name": "nfs", "kind": "directory", "path": f"{mount}/x", "mount": mount, "filesystems": ["nfs", "nfs4"]}
    host.given["stores"].append(store)
    host.write()
    report = host.quick_run()
    assert not report.ok
    assert fault in report.stores["nfs"].why
    assert report.stores["near"].ok


def test_a_share_that_goes_away_in_the_middle_is_a_fault(host, mountinfo):
    mountinfo.write_text(MOUNTS + f"42 22 0:52 / {host.base} rw - nfs4 omv:/x rw\n")
    host.given["stores"][0].update(mount=str(host.base), filesystems=["nfs4"])
    host.write()
    assert host.quick_run().ok
    store = open_store(host.config, "near")
    mountinfo.write_text(MOUNTS)
    (ref,) = store.sets()
    with pytest.raises(BackupError, match="is not mounted"):
        store.put_set("daily", "2026-12-24T000000Z", host.base / "near" / str(ref))
