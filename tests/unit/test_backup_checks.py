"""What of backups is refused before anything is connected to, and what a deploy says of their proofs."""

import json
import shutil
import subprocess

import factories
import pytest
from backup_settings import B2, LOCAL, NFS, host, settings

from estate.checks import backup as checks
from estate.checks import proven
from estate.models.backup import Backup, Files, NoBackup, RedisSave, SqliteFile
from estate.models.image import image
from estate.models.service import DataDir
from estate.preflight import backup_words
from estate.render.shell import shell, variables
from estate.services import CATALOG

STACK = factories.stack()
NOW = 2_000_000_000
DAY = 86400


def faults(mine, stack=STACK):
    return [str(fault) for fault in checks.check(mine, stack, "x")]


def with_service(name, **changes):
    changed = CATALOG[name].model_copy(update=changes)
    return STACK.model_copy(
        update={"services": tuple(changed if service.name == name else service for service in STACK.services)}
    )


def test_the_declared_services_have_no_faults():
    assert faults(host()) == []
    assert faults(host(B2, LOCAL), factories.stack(*CATALOG)) == []


SERVICES = [
    (
        "redis",
        {"data": (DataDir(path="redis", target="/data"), DataDir(path="extra", target="/extra"))},
        "x/services/redis/backup/extra: no part covers this data directory; add a part that reads it",
    ),
    (
        "redis",
        {"backup": Backup(parts=(Files(paths=("@root@/docs",)),))},
        "x/services/redis/backup/redis: no part covers this data directory",
    ),
    (
        "postgres",
        {"backup": Backup(parts=(Files(paths=("@root@/docs",)),))},
        "x/services/postgres/backup/postgres: no part covers this data directory",
    ),
    (
        "redis",
        {"backup": Backup(parts=(RedisSave(path="redis"), Files(paths=("grafana/x",))))},
        "x/services/redis/backup/parts/files: grafana/x is in no data directory of the service; its own are redis",
    ),
    (
        "docs",
        {"backup": Backup(parts=(Files(paths=("docs/x",)),))},
        "x/services/docs/backup/parts/files: docs/x is in no data directory of the service; its own are none",
    ),
    (
        "redis",
        {"backup": Backup(parts=(RedisSave(path="redis"),), skips={"reds/x": "not worth it"})},
        "x/services/redis/backup/skips: reds/x is in no data directory",
    ),
    (
        "redis",
        {"backup": Backup(parts=(RedisSave(path="redis", password_file="/run/secrets/other"),))},
        "x/services/redis/backup/parts/redis/password_file: /run/secrets/other is not among the service's secret files",
    ),
    (
        "postgres",
        {"environment": {"POSTGRES_USER": "u"}},
        "x/services/postgres/backup/parts/postgres: the environment has no POSTGRES_DB",
    ),
    (
        "redis",
        {"backup": Backup(parts=(RedisSave(path="redis"),), secrets=("REDIS_PASWORD",))},
        "x/services/redis/backup/secrets/REDIS_PASWORD: is not a secret of any service here; did you mean",
    ),
    (
        "redis",
        {"backup": Backup(parts=(RedisSave(path="redis"),), needs=("postgrs",))},
        "x/services/redis/backup/needs/postgrs: no such service here; did you mean postgres?",
    ),
]


@pytest.mark.parametrize(("name", "changes", "expected"), SERVICES, ids=[row[2][:70] for row in SERVICES])
def test_a_service_whose_data_would_be_left_out_is_refused(name, changes, expected):
    found = faults(host(), with_service(name, **changes))
    assert any(expected in fault for fault in found), found


def test_data_that_are_not_worth_keeping_need_a_reason_and_no_part():
    assert faults(host(), with_service("redis", backup=NoBackup(reason="cache only"))) == []
    kept = Backup(parts=(SqliteFile(path="vaultwarden/db.sqlite3"),))
    assert faults(host(), with_service("vaultwarden", backup=kept)) == []
    skipping = Backup(parts=(Files(paths=("@root@/docs",)),), skips={"redis": "rebuilt by its clients"})
    assert faults(host(), with_service("redis", backup=skipping)) == []


STORES = [
    ((B2, LOCAL | {"name": "b2"}), "x/backups/stores/b2: two stores have this name; give each its own"),
    ((B2, LOCAL, LOCAL | {"name": "again"}), "x/backups/stores: two stores are at /opt/prodg/backups/sets"),
    ((B2, LOCAL, NFS | {"mount": None}), "x/backups/stores/nfs/mount: an NFS store without a mount"),
    ((B2, LOCAL, NFS | {"mount": None, "source": ""}), "x/backups/stores/nfs/mount: an NFS store without a mount"),
    ((B2, LOCAL, NFS | {"path": "/mnt/omv2"}), "x/backups/stores/nfs/path: /mnt/omv2 is not below /mnt/omv"),
    ((B2, LOCAL, NFS | {"filesystems": []}), "x/backups/stores/nfs/filesystems: missing"),
    ((LOCAL,), "x/backups/stores: all are on the host's own disk; add one that outlives the host"),
    ((B2,), "x/backups/stores: none takes pre-restore sets; add it to the kinds of one"),
    ((B2 | {"kinds": ["weekly"]}, LOCAL | {"kinds": ["manual"]}), "x/backups/stores: none takes daily sets"),
    ((B2 | {"type": "s3"}, LOCAL), "x/backups/stores/b2/endpoint: missing"),
    ((B2 | {"endpoint": "https://x.example.org"}, LOCAL), "x/backups/stores/b2/endpoint: B2's own protocol knows none"),
    (
        (B2 | {"key_id": "B2_KEY_SECRET"}, LOCAL),
        "x/backups/stores/b2: B2_KEY_SECRET cannot be both key_id and key_secret",
    ),
    ((B2 | {"key_id": "REDIS_PASSWORD"}, LOCAL), "x/backups: REDIS_PASSWORD is redis, hermes-api's own secret"),
]


@pytest.mark.parametrize(("stores", "expected"), STORES, ids=[row[1][:70] for row in STORES])
def test_stores_that_cannot_be_are_refused(stores, expected):
    found = faults(host(*stores))
    expected = expected.replace("redis, hermes-api", ", ".join(STACK.consumers("REDIS_PASSWORD")))
    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize("name", ["daily", "weekly"])
def test_a_retention_that_keeps_nothing_is_refused(name):
    found = faults(host(retention={name: 0}))
    assert f"x/backups/retention/{name}: keeps nothing: the newest set would go; keep 1 at least" in found


def test_services_that_declare_a_backup_need_somewhere_for_it():
    (fault,) = faults(factories.mainframe())
    assert "x/backups: missing, and 9 services declare a backup" in fault
    assert faults(factories.mainframe(), factories.stack("alertmanager", "prometheus")) == []


def drill(days, *services, ok=True):
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(NOW - days * DAY, UTC)
    return {"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "ok": ok, "store": "b2", "services": list(services)}


def lines(drills=None, *, sets=True, deployed=100, **images):
    found = [f"backup-since\t{NOW - deployed * DAY}"] if deployed is not None else []
    found += ["backup-sets\tyes"] if sets else []
    found += [f"backup-proven\t{json.dumps(drills)}"] if drills is not None else []
    return found + [f"backup-image\t{name.replace('_', '-')}\t{value}" for name, value in images.items()]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([], ""),
        (lines(sets=False, deployed=0.5), ""),
        (lines(sets=False, deployed=2), "there is no backup set yet; `estate backup run` makes one"),
        (lines(deployed=0), "no restore was ever proven"),
        (lines({}), "no restore was ever proven"),
        (lines({"a": drill(1, "redis")}), ""),
        (lines({"a": drill(30), "b": drill(9)}), "the last proven restore is 9 days old"),
        (lines({"a": drill(3), "b": drill(1, ok=False)}), "the last restore drill failed"),
        (["backup-since\t5", "backup-sets\tyes", "backup-proven\t{broken"], "no restore was ever proven"),
    ],
)
def test_a_deploy_says_that_backups_are_not_proven(told, said):
    found = proven.warning("mainframe", settings(), told, NOW)
    assert said in found
    assert bool(found) == bool(said)


OLD = "docker.io/vaultwarden/server:1.0.0"
LIVE = str(CATALOG["vaultwarden"].image)


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        (lines(vaultwarden=OLD), "was never proven"),
        (lines({"a": drill(1, "redis")}, vaultwarden=OLD), "was never proven"),
        (lines({"a": drill(9, "vaultwarden")}, vaultwarden=OLD), "was last proven 9 days ago"),
        (lines({"a": drill(9, "vaultwarden"), "b": drill(2, "vaultwarden")}, vaultwarden=OLD), ""),
        # another service failed in it, this one did not
        (lines({"a": drill(1, "vaultwarden", ok=False)}, vaultwarden=OLD), ""),
        (lines(vaultwarden=LIVE), ""),
        (lines(redis="docker.io/library/redis:6"), ""),
        (lines(sets=False, deployed=0.5, vaultwarden=OLD), ""),
        (lines(sets=False, deployed=2, vaultwarden=OLD), "was never proven"),
        (lines(sets=False, deployed=None, vaultwarden=OLD), ""),
    ],
)
def test_a_migration_waits_for_a_proven_restore(told, refused):
    found = [str(fault) for fault in proven.refusals("mainframe", settings(), STACK, told, NOW)]
    assert len(found) == bool(refused)
    if refused:
        assert found[0].startswith(f"mainframe/vaultwarden/migration: {OLD} to {LIVE} rewrites the data of vaultwarden")
        assert refused in found[0]
        assert "`estate backup drill`" in found[0]


def test_a_migration_of_others_data_waits_for_their_proof():
    told = lines({"a": drill(1, "infisical")}, infisical="docker.io/infisical/infisical:v0.1.0")
    (fault,) = proven.refusals("mainframe", settings(), STACK, told, NOW)
    assert "rewrites the data of infisical-db" in fault.fault
    told = lines({"a": drill(1, "infisical-db")}, infisical="docker.io/infisical/infisical:v0.1.0")
    assert proven.refusals("mainframe", settings(), STACK, told, NOW) == []


def test_an_estate_may_do_without_the_refusal():
    told = lines(vaultwarden=OLD)
    assert proven.refusals("mainframe", settings(drill={"refuse_after": 0}), STACK, told, NOW) == []


def test_the_preflight_reads_proofs_and_images(tmp_path):
    state, compose, bin_ = tmp_path / "state", tmp_path / "compose", tmp_path / "bin"
    for folder in (state, compose, bin_):
        folder.mkdir()
    (state / "proven.json").write_text(json.dumps({"a": drill(1, "vaultwarden")}, indent=1))
    (state / "last.json").write_text('{\n "newest": "2025-01-01T000000Z"\n}\n')
    whole = shell("facts/preflight.sh")
    begin, end = whole.index("# Proofs of restores"), whole.index('[ -n "$IMAGES" ]')
    docker = bin_ / "docker"
    docker.write_text(f"#!/bin/sh\nprintf 'backup-image\\tvaultwarden\\t{OLD}\\n'\n")
    docker.chmod(0o755)
    head = variables({"BACKUPS": str(state), "COMPOSE_DIR": str(compose), "MIGRATING": "vaultwarden"})
    script = f"PATH={bin_}:$PATH\n{head}{whole[begin:end]}"
    result = subprocess.run([shutil.which("sh") or "sh", "-c", script], capture_output=True, text=True, check=True)
    found = proven.told(result.stdout.splitlines())
    assert found.has_sets
    assert found.images == {"vaultwarden": OLD}
    assert proven.proofs(found.drills) == {"vaultwarden": NOW - DAY}


def test_a_host_without_backups_is_not_asked_about_them():
    assert backup_words(factories.mainframe(), STACK) == {"COMPOSE_DIR": "", "BACKUPS": "", "MIGRATING": ""}
    asked = backup_words(host(), STACK)
    assert asked["BACKUPS"] == "/opt/prodg/backups/state"
    assert "vaultwarden" in asked["MIGRATING"].split()


def test_a_changed_image_is_one_of_the_whole_reference():
    moved = with_service("vaultwarden", image=image(OLD))
    assert proven.refusals("mainframe", settings(), moved, lines(vaultwarden=OLD), NOW) == []
