"""Checks: a flipped byte, a missing file, a lost set are found and named."""

import pytest
from backup_host import S3, Host

from estate_backup import check, state


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host(tmp_path, monkeypatch)
    made.given["stores"] = made.given["stores"][:1]
    made.write()
    return made


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with S3(tmp_path_factory.mktemp("remote")) as server:
        yield server


@pytest.fixture(params=["directory", "s3"])
def folder(request, host):
    """Where a store that has one set keeps it."""
    report = host.quick_run()
    assert report.ok, report.faults()
    if request.param == "directory":
        return host.base / "near"
    return behind(host, request.getfixturevalue("s3"))


def behind(host, server):
    """Move the store behind an S3 server; its folder there."""
    host.given["stores"] = []
    path = server.hold(host.base / "near")
    host.remote("near", server.endpoint, path)
    return server.folder / path


def faults(host, read_data=False, **given):
    (found,) = check.check(host.config, read_data=read_data, **given)
    assert found.ok == (not found.faults)
    return found.faults


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def test_a_good_store_has_no_faults(host, folder):
    (found,) = check.check(host.config, read_data=True)
    assert found.ok
    assert (found.sets, found.files, found.objects) == (1, 4, 12)
    assert state.load(host.config.state / state.CHECKS)["near"]["ok"] is True
    assert 'estate_backup_last_check_ok{store="near"} 1.0' in host.config.metrics.read_text()


def test_a_flipped_byte_is_found_by_reading_and_named(host, folder):
    (path,) = folder.glob("daily/*/vault/db.sqlite3.age")
    flip(path)
    (fault,) = faults(host, read_data=True)
    assert fault.startswith(f"near/daily/{path.parent.parent.name}/vault/db.sqlite3.age: its sha256 is ")
    assert 'estate_backup_last_check_ok{store="near"} 0.0' in host.config.metrics.read_text()


def test_a_flipped_byte_of_an_object_is_found_and_its_content_is_sent_again(host, folder):
    path = sorted(folder.glob("objects/*/*.age"))[0]
    flip(path)
    assert faults(host, read_data=True) == [f"near/objects/{path.parent.name}/{path.name}: was altered"]
    again = host.run()
    assert again.ok, again.faults()
    assert 0 < again.object_bytes < 400  # that one
    assert faults(host, read_data=True, identity="newest") == []


def test_a_lost_object_is_found_without_reading_and_heals(host, folder):
    path = sorted(folder.glob("objects/*/*.age"))[0]
    path.unlink()
    assert faults(host) == [f"near/objects/{path.parent.name}/{path.name}: is missing"]
    assert host.run().ok
    assert len(list(folder.glob("objects/*/*.age"))) == 12
    assert faults(host, identity="newest") == []


@pytest.mark.parametrize("damage", ["missing", "short", "extra"])
def test_files_that_are_not_as_signed_are_named(host, folder, damage):
    (path,) = folder.glob("daily/*/vault/files.tar.zst.age")
    if damage == "missing":
        path.unlink()
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.with_name("stray.age").write_text("x")
    (fault,) = faults(host)
    words = {"missing": "is missing", "short": "bytes, not", "extra": "stray.age: does not belong"}
    assert words[damage] in fault


def test_what_s3_tells_of_a_file_is_compared_without_a_download(host, s3):
    assert host.quick_run().ok
    (path,) = behind(host, s3).glob("daily/*/vault/keys.json.age")
    flip(path)
    (fault,) = faults(host)
    assert "keys.json.age: its md5 is not what was sent" in fault


def test_an_altered_manifest_is_a_fault_and_an_interrupted_upload_is_none(host, folder):
    assert host.run().ok
    first, second = sorted(folder.glob("daily/*"))
    (first / "manifest.json.sig").unlink()
    (found,) = check.check(host.config)
    assert found.ok
    assert found.incomplete == [f"daily/{first.name}"]
    (second / "manifest.json").write_text("{}")
    (found,) = check.check(host.config)
    assert any("signature does not match" in fault for fault in found.faults)
    later = host.quick_run()
    assert faults(host, identity=later.id) == [], "another set's signature is not what was asked for"
    assert faults(host, identity="newest"), "of the newest it is: whoever spoils sets wants an older one restored"
    assert f"near: the newest set {second.name} is gone" in found.faults


def test_a_set_that_is_not_there_is_a_fault(host, folder):
    (found,) = check.check(host.config, identity="2020-01-01T000000Z")
    assert "has no complete set 2020-01-01T000000Z" in found.faults[0]
