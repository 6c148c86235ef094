"""The backup's config.json: everything of it is used, and all its faults come at once."""

import json

import pytest

from estate_backup import config
from estate_backup.errors import BackupError, ConfigError

RECIPIENT = "age1" + "q" * 58
GOOD = {
    "host": "mainframe",
    "project": "prodg",
    "root": "/opt/prodg",
    "commit": "",
    "recipients": [RECIPIENT],
    "bandwidth": "10M",
    "transfers": 4,
    "spool_reserve": 1024,
    "stores": [
        {"name": "b2", "kind": "rclone", "remote": "b2:MainframeBackup", "readable": False, "kinds": ["daily"]},
        {
            "name": "nfs",
            "kind": "directory",
            "path": "/mnt/omv/backups",
            "mount": "/mnt/omv",
            "filesystems": ["nfs", "nfs4"],
        },
    ],
    "retention": {"daily": 7, "weekly": 4, "monthly": 6, "max_deletions": 5},
    "services": [
        {
            "name": "postgres",
            "container": "postgres",
            "data": {"/var/lib/postgresql/data": "/opt/prodg/data/postgres"},
            "parts": [{"kind": "postgres", "name": "postgres", "user_env": "PGUSER"}],
            "keys": {"KEY": "/opt/prodg/secrets/backup/keys/KEY"},
            "depends": ["app"],
            "drill": {"tmpfs": ["/tmp"]},
        },
        {"name": "app", "container": "app", "parts": [], "probe": ["app", "list"]},
    ],
}


def load(tmp_path, given):
    path = tmp_path / "config.json"
    path.write_text(given if isinstance(given, str) else json.dumps(given))
    return config.load(path)


def test_what_is_declared_is_read(tmp_path):
    read = load(tmp_path, GOOD)
    assert str(read.identity) == "/opt/prodg/secrets/backup/identity"
    assert read.store("b2").readable is False
    assert read.store("nfs").filesystems == ("nfs", "nfs4")
    assert read.service("postgres").parts[0].user_env == "PGUSER"
    assert read.service("app").probe == ("app", "list")
    assert read.retention.max_deletions == 5


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    read = load(tmp_path, GOOD)
    with pytest.raises(BackupError, match=r"services/redis: is not declared; one of: postgres, app"):
        read.service("redis")
    with pytest.raises(BackupError, match=r"stores/s3: is not declared; one of: b2, nfs"):
        read.store("s3")


FAULTS = [
    ({"recipients": []}, "recipients: there are none"),
    ({"recipients": ["ssh"]}, "recipients/0: is not an age recipient"),
    ({"root": "opt"}, "root: opt is not absolute"),
    ({"bandwidth": "fast"}, "bandwidth: 'fast' is not a rate"),
    ({"transfers": 0}, "transfers: 0 is not between"),
    ({"transfers": "4"}, "transfers: is a str, not int"),
    ({"stores": []}, "stores: there are none"),
    ({"servcies": []}, "servcies: unknown key"),
    ({"stores": [{"name": "b2", "kind": "rclone", "remote": "b2"}]}, "stores/b2/remote: 'b2' is not SECTION"),
    ({"stores": [{"name": "x", "kind": "directory", "path": "x"}]}, "stores/x/path: 'x' is not absolute"),
    (
        {"stores": [{"name": "x", "kind": "directory", "path": "/a", "mount": "/mnt"}]},
        "stores/x/mount: /a is not below /mnt",
    ),
    ({"stores": [{"name": "x", "kind": "ftp"}]}, "stores/x/kind: 'ftp' is none of"),
    ({"stores": [{"kind": "directory"}]}, "stores/0/name: is missing"),
    ({"stores": [{"name": "x", "kind": "directory", "path": "/x", "kinds": ["hourly"]}]}, "'hourly' is none of"),
    ({"retention": {"daily": 0}}, "retention/daily: is too small"),
    ({"services": [{"name": "../x", "container": "x"}]}, "services/../x: is not usable as a name"),
    ({"services": [{"name": "a", "container": "x"}] * 2}, "services/a: is there 2 times"),
    ({"services": [{"name": "a", "container": "x", "parts": [{"kind": "tape", "name": "t"}]}]}, "kind: 'tape' is none"),
    ({"services": [{"name": "a", "container": "x", "parts": [{"kind": "sqlite", "name": "t"}]}]}, "path: '' is not"),
    ({"services": [{"name": "a", "container": "x", "parts": [{"kind": "files", "name": "t"}]}]}, "paths: there are no"),
    ({"services": [{"name": "a", "container": "", "parts": [{"kind": "postgres", "name": "t"}]}]}, "is empty, but"),
    ({"services": [{"name": "a", "container": "x", "depends": ["b"]}]}, "services/a/depends: b is not among"),
    ({"services": [{"name": "a", "container": "x", "keys": {"K": "k"}}]}, "services/a/keys/K: k is not absolute"),
]


@pytest.mark.parametrize(("change", "fault"), FAULTS, ids=[fault for _, fault in FAULTS])
def test_a_fault_says_where_and_what(tmp_path, change, fault):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {**GOOD, **change})
    assert any(fault in line for line in caught.value.faults), caught.value.faults


def test_all_faults_come_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {**GOOD, "root": "opt", "recipients": [], "bandwidth": "x"})
    assert len(caught.value.faults) == 3
    assert caught.value.code == 64


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"'])
def test_what_is_no_object_is_a_fault(tmp_path, text):
    with pytest.raises(ConfigError):
        load(tmp_path, text)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "none.json")
