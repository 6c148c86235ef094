"""What can be declared of backups, and the secrets that follow from it."""

import pyrage
import pytest
from backup_settings import B2, LOCAL, settings
from pydantic import ValidationError

from estate.models.backup import Backup, DirectoryStore, Files, NoBackup, RcloneStore, SqliteFile
from estate.models.backup_secrets import IDENTITY, SIGNING_SEED, backup_specs
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets.audit import audit
from estate.secrets.form import fault_of_form
from estate.secrets.generate import generate
from estate.secrets.placeholders import values_for
from estate.services import CATALOG

AGE = SecretSpec(name="X", kind=SecretKind.AGE, purpose="x")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../b", "a b", "@root@/../etc", "@other@/x", "", "@root@/", "a;b", "a'b"]
)
def test_a_path_leads_nowhere_else(path):
    with pytest.raises(ValidationError):
        SqliteFile(path=path)


@pytest.mark.parametrize("path", ["vaultwarden/db.sqlite3", "@root@/docs", "caddy-data"])
def test_paths_begin_with_a_data_directory_or_the_root(path):
    assert SqliteFile(path=path).path == path


def test_two_parts_of_one_name_are_refused():
    with pytest.raises(ValidationError, match='two parts are named "files"'):
        Backup(parts=(Files(paths=("a/x",)), Files(paths=("a/y",))))


@pytest.mark.parametrize("name", ["keys", "globals", "contents"])
def test_names_that_sets_use_themselves_are_refused(name):
    with pytest.raises(ValidationError, match="a name that sets use themselves"):
        Backup(parts=(Files(name=name, paths=("a/x",)),))


def test_a_backup_has_parts_and_none_at_all_has_a_reason():
    with pytest.raises(ValidationError):
        Backup(parts=())
    with pytest.raises(ValidationError):
        NoBackup(reason="no")


def test_every_service_says_what_it_keeps_or_why_nothing():
    assert all(isinstance(service.backup, Backup | NoBackup) for service in CATALOG.values())
    reasons = [s.backup.reason for s in CATALOG.values() if s.data and isinstance(s.backup, NoBackup)]
    assert all(len(reason) >= 8 for reason in reasons)


def test_what_cannot_be_read_without_a_key_has_the_key_with_it():
    assert CATALOG["infisical-db"].backup.secrets == ("INFISICAL_ENCRYPTION_KEY", "INFISICAL_AUTH_SECRET")
    kept = {path for part in CATALOG["headscale"].backup.parts for path in getattr(part, "paths", (part.name,))}
    assert {"db.sqlite", "headscale/noise_private.key"} <= kept
    kept = {path for part in CATALOG["vaultwarden"].backup.parts for path in getattr(part, "paths", (part.name,))}
    assert {"db.sqlite3", "vaultwarden/attachments", "vaultwarden/rsa_key.pem", "vaultwarden/config.json"} <= kept


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bucket", "a/b"),
        ("bucket", "x y"),
        ("path", "/abs"),
        ("endpoint", "ftp://x"),
        ("endpoint", "https://x\nkey = y"),
        ("region", "eu;x"),
        ("provider", "a b"),
        ("name", "B2"),
        ("kinds", []),
        ("kinds", ["hourly"]),
        ("key_id", "lower"),
    ],
)
def test_a_bucket_that_cannot_be(field, value):
    with pytest.raises(ValidationError):
        RcloneStore.model_validate({k: v for k, v in B2.items() if k != "kind"} | {field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("path", "relative"), ("source", "omv:relative"), ("source", "a b:/x"), ("keep_newest", -1)]
)
def test_a_directory_that_cannot_be(field, value):
    with pytest.raises(ValidationError):
        DirectoryStore.model_validate({k: v for k, v in LOCAL.items() if k != "kind"} | {field: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedules", {"daily": "now; rm"}),
        ("bandwidth", "fast"),
        ("retention", {"max_deletions": 0}),
        ("transfers", 0),
        ("drill", {"warn_after": 0}),
        ("stores", []),
    ],
)
def test_settings_that_cannot_be(key, value):
    with pytest.raises(ValidationError):
        settings(**{"stores": [B2], key: value}) if key != "stores" else settings().model_validate({"stores": value})


def test_a_remote_is_named_with_bucket_and_folder():
    assert settings(B2).rclone_stores[0].remote == "b2:MainframeBackup"
    assert settings(B2 | {"path": "a/b"}).rclone_stores[0].remote == "b2:MainframeBackup/a/b"


def test_the_secrets_follow_from_the_stores():
    assert set(backup_specs(settings())) == {IDENTITY, SIGNING_SEED, "B2_KEY_ID", "B2_KEY_SECRET"}
    assert set(backup_specs(settings(LOCAL))) == {IDENTITY, SIGNING_SEED}
    other = B2 | {"name": "s", "type": "s3", "key_id": "S3_ID", "key_secret": "S3_KEY"}
    specs = backup_specs(settings(B2, other))
    assert {"B2_KEY_ID", "S3_ID", "S3_KEY"} <= set(specs)
    assert specs["B2_KEY_ID"].pattern
    assert not specs["S3_ID"].pattern


def test_identity_and_seed_are_decided_by_the_sealed_copy_and_stay():
    specs = backup_specs(settings())
    for name in (IDENTITY, SIGNING_SEED):
        assert specs[name].bootstrap
        assert specs[name].fixed
        assert specs[name].generated
    assert not specs["B2_KEY_ID"].bootstrap
    assert not specs["B2_KEY_ID"].generated


def test_an_identity_is_made_and_checked():
    made = generate(AGE)["X"]
    assert made.startswith("AGE-SECRET-KEY-1")
    assert fault_of_form(AGE, made) == ""
    public = str(pyrage.x25519.Identity.from_str(made).to_public())
    for wrong in (public, made[:-1], made.lower() + "x", "AGE-SECRET-KEY-1"):
        assert fault_of_form(AGE, wrong) == "malformed: not an age identity (AGE-SECRET-KEY-1…)"


def test_generated_secrets_of_the_backups_pass_the_audit():
    from datetime import UTC, datetime

    specs = {name: spec for name, spec in backup_specs(settings()).items() if spec.generated}
    values = {name: value for spec in specs.values() for name, value in generate(spec).items()}
    assert audit(specs, lambda name: ("backups",), values, now=datetime.now(UTC)) == []


def test_placeholders_are_no_secrets():
    values = values_for(backup_specs(settings()))
    assert all(value.startswith("placeholder-") for value in values.values())
