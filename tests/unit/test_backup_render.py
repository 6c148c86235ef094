"""The backups' tree: what the host's program reads of it, what its units may do, and where secrets are not."""

import base64
import configparser
import json
import subprocess
import sys
from pathlib import Path

import factories
import pyrage
import pytest
from backup_settings import B2, LOCAL, NFS, RECIPIENT, SEED, host, settings

from estate.models.backup_secrets import backup_specs
from estate.models.desired import File, Unit
from estate.output import manifest
from estate.render.backup import backups
from estate.render.backup_config import chosen
from estate.render.backup_keys import public_key, rclone_conf, recipient, signing_key
from estate.render.backup_units import unit_name
from estate.render.infisical import HostAccess, infisical
from estate.secrets.placeholders import placeholders

REPO = Path(__file__).resolve().parents[2]
ACCESS = HostAccess("p-1", {"INFISICAL_CLIENT_ID": "id-1", "INFISICAL_CLIENT_SECRET": "poison-client-secret"})
STACK = factories.stack()
POISON = "poison-"


@pytest.fixture(scope="module")
def identity():
    return str(pyrage.x25519.Identity.generate())


def values(identity, **over):
    own = {"BACKUP_IDENTITY": identity, "BACKUP_SIGNING_SEED": SEED}
    return {name: f"{POISON}{name}" for name in STACK.secrets() | backup_specs(settings())} | own | over


def rendered(identity, *stores, stack=STACK, **over):
    return backups(host(*stores, **over), stack, values(identity))


def files(desired):
    return {file.path: file for file in desired.tree.files}


def document(desired):
    return json.loads(files(desired)["/opt/prodg/backups/config.json"].content)


def service(desired, name):
    return next(one for one in document(desired)["services"] if one["name"] == name)


def test_the_hosts_program_takes_the_configuration_without_a_fault(identity, tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(files(rendered(identity))["/opt/prodg/backups/config.json"].content)
    text = "import sys; from estate_backup import config; c = config.load(__import__('pathlib').Path(sys.argv[1]))"
    more = "; print(c.host, len(c.stores), len(c.services), len(c.recipients))"
    argv = [sys.executable, "-c", text + more, str(path)]
    result = subprocess.run(
        argv, env={"PYTHONPATH": str(REPO / "files/backup")}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    name, stores, services, recipients = result.stdout.split()
    assert (name, stores, recipients) == ("mainframe", "3", "2")
    assert int(services) == len(chosen(STACK))


def test_no_secret_is_where_others_may_read_it(identity):
    desired = rendered(identity)
    secret = {*values(identity).values(), "poison-client-secret", identity, signing_key(SEED).splitlines()[1]}
    holders = {path for path, file in files(desired).items() if any(one.encode() in file.content for one in secret)}
    assert "/opt/prodg/secrets/backup/rclone.conf" in holders, "a control: the values do arrive where they belong"
    assert all(path.startswith("/opt/prodg/secrets/backup/") for path in holders)
    for path in holders:
        assert (files(desired)[path].mask, files(desired)[path].mode) == ("whole", 0o400), path
    assert not any(one in manifest({"backups": desired}) for one in secret)
    assert not any(one in handler.command for handler in desired.handlers for one in secret)
    public = [file for path, file in files(desired).items() if path not in holders]
    assert len(public) > 10
    assert POISON.encode() not in b"".join(file.content for file in public)


def test_every_secret_of_the_backups_is_closed_and_masked(identity):
    for path, file in files(rendered(identity)).items():
        if path.startswith("/opt/prodg/secrets/"):
            assert (file.mask, file.mode) == ("whole", 0o400), path
    folders = {node.path: node for node in rendered(identity).tree.directories}
    for path in ("/opt/prodg/secrets/backup", "/opt/prodg/secrets/backup/keys", "/opt/prodg/backups/state"):
        assert folders[path].mode == 0o700, path
    # node exporter reads them as nobody
    for path in ("/opt/prodg/backups", "/opt/prodg/backups/metrics"):
        assert folders[path].mode == 0o755, path


def test_the_same_declarations_give_the_same_bytes(identity):
    assert rendered(identity) == rendered(identity)


def test_the_commit_is_not_in_the_configuration(identity):
    assert document(rendered(identity))["commit"] == ""


def test_sets_are_for_the_operators_and_for_the_host(identity):
    assert document(rendered(identity))["recipients"] == [RECIPIENT, recipient(identity)]
    text = files(rendered(identity))["/opt/prodg/secrets/backup/identity"].content.decode()
    assert text.splitlines()[-1] == identity


def test_the_signing_key_is_always_the_same_and_openssl_signs_with_it(tmp_path):
    # RFC 8410, 10.3: the private key of its example, in PKCS8
    seed = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"
    body = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
    assert body in signing_key(seed)
    assert base64.b64decode(body).endswith(bytes.fromhex(seed))
    assert signing_key(SEED) == signing_key(SEED) != signing_key(seed)
    (tmp_path / "key").write_text(signing_key(SEED))
    (tmp_path / "pub").write_text(public_key(SEED))
    (tmp_path / "text").write_text("x")
    sign = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", "text", "-out", "sig"]
    verify = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "pub", "-in", "text", "-sigfile", "sig"]
    for argv in (sign, verify):
        result = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


def sections(text):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_rclone_is_told_of_b2_in_its_own_protocol_or_as_s3():
    s3 = B2 | {"name": "far", "type": "s3", "endpoint": "https://s3.eu-central-003.backblazeb2.com"}
    stores = settings(B2, s3 | {"region": "eu-central-003", "key_id": "A", "key_secret": "B"}).rclone_stores
    found = sections(rclone_conf(stores, {"B2_KEY_ID": "i", "B2_KEY_SECRET": "k%x", "A": "j", "B": "l"}))
    assert found["b2"] == {"type": "b2", "account": "i", "key": "k%x", "hard_delete": "false"}
    assert found["far"]["type"] == "s3"
    assert (found["far"]["access_key_id"], found["far"]["secret_access_key"]) == ("j", "l")
    assert found["far"]["endpoint"] == "https://s3.eu-central-003.backblazeb2.com"
    assert found["far"]["no_check_bucket"] == "true"


def test_stores_are_rendered_as_the_program_reads_them(identity):
    found = {store["name"]: store for store in document(rendered(identity))["stores"]}
    assert found["b2"]["remote"] == "b2:MainframeBackup"
    assert (found["nfs"]["mount"], found["nfs"]["filesystems"]) == ("/mnt/omv", ["nfs", "nfs4"])
    assert "mount" not in found["local"]
    assert "pre-restore" in found["local"]["kinds"]


def test_a_services_data_are_named_as_they_lie_on_the_host(identity):
    vault = service(rendered(identity), "vaultwarden")
    assert vault["data"] == {"/data": "/opt/prodg/data/vaultwarden"}
    assert vault["parts"][0] == {
        "kind": "sqlite",
        "name": "db.sqlite3",
        "path": "/opt/prodg/data/vaultwarden/db.sqlite3",
    }
    docs = service(rendered(identity), "docs")
    assert docs["parts"][0]["paths"] == ["/opt/prodg/docs", "/opt/prodg/quartz"]
    assert (docs["container"], docs["image"], docs["drill"]) == ("", "", {"start": False})


def test_keys_lie_where_the_program_looks_for_them(identity):
    keys = service(rendered(identity), "infisical-db")["keys"]
    assert set(keys) == {"INFISICAL_ENCRYPTION_KEY", "INFISICAL_AUTH_SECRET"}
    for name, path in keys.items():
        assert files(rendered(identity))[path].content.decode() == values(identity)[name]


def test_a_drill_knows_how_to_start_a_service_and_names_secrets_only(identity):
    drill = service(rendered(identity), "postgres")["drill"]
    assert drill["environment"]["POSTGRES_USER"] == "${POSTGRES_USER}"
    assert drill["secrets"] == "/opt/prodg/secrets/postgres"
    assert drill["health"][0] == "CMD-SHELL"
    redis = service(rendered(identity), "redis")["drill"]
    assert (redis["config"], redis["config_target"]) == ("/opt/prodg/compose/redis", "/usr/local/etc/redis")
    assert service(rendered(identity), "headscale")["probe"] == ["headscale", "nodes", "list", "-o", "json"]


def test_what_proves_others_data_and_who_uses_them_is_there_too(identity):
    found = {one["name"]: one for one in document(rendered(identity))["services"]}
    assert found["infisical"]["parts"] == []
    assert found["infisical"]["depends"] == ["infisical-db", "infisical-redis"]
    assert found["infisical"]["probe"]
    assert found["hermes-api"]["depends"] == ["postgres", "redis", "s3"]
    assert found["grafana"]["depends"] == []
    assert found["caddy"]["depends"] == ["docs"], "it has their folder mounted, and would go on serving the old one"
    assert "prometheus" not in found
    assert all(name in found for one in found.values() for name in one["depends"])


def test_infisicals_drill_logs_in_as_the_host_does(identity):
    folder = "/opt/prodg/secrets/backup/infisical"
    assert service(rendered(identity), "infisical")["drill"]["secrets"] == folder
    found = infisical(host(), STACK, ACCESS)
    access = files(found)[f"{folder}/access"]
    assert json.loads(access.content) == {"clientId": "id-1", "clientSecret": "poison-client-secret"}
    assert (access.mode, access.owner) == (0o400, "1001")
    assert b"projectId=p-1" in files(found)[f"{folder}/query"].content
    without = infisical(factories.mainframe(secret_store=host().secret_store), STACK, ACCESS)
    assert not any(path.startswith(folder) for path in files(without))


def unit(desired, name):
    return files(desired)[f"/etc/systemd/system/{name}"].content.decode()


def test_four_timers_run_and_make_up_for_what_they_missed(identity):
    desired = rendered(identity, schedules={"daily": "*-*-* 01:00:00", "delay": 60})
    assert [u.name for u in desired.units] == [
        f"estate-backup-{n}.timer" for n in ("daily", "weekly", "check", "drill")
    ]
    assert all(isinstance(u, Unit) and u.running for u in desired.units)
    text = unit(desired, "estate-backup-daily.timer")
    for line in ("OnCalendar=*-*-* 01:00:00", "RandomizedDelaySec=60", "Persistent=yes", "WantedBy=timers.target"):
        assert line in text.splitlines()


@pytest.mark.parametrize("name", ["daily", "weekly", "check", "drill"])
def test_a_job_may_write_where_it_has_to_and_says_when_it_fails(identity, name):
    text = unit(rendered(identity), f"estate-backup-{name}.service").splitlines()
    for line in (
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "IOSchedulingClass=idle",
        "OnFailure=estate-backup-failed@%n.service",
        "ReadWritePaths=/opt/prodg/backups -/opt/prodg/data /run/lock -/mnt/omv",
    ):
        assert line in text, line
    assert any(line.startswith("TimeoutStartSec=") for line in text)


def test_units_are_read_again_when_they_change(identity):
    one, other = rendered(identity), rendered(identity, schedules={"daily": "*-*-* 01:00:00"})
    assert one.handlers[0].command == "systemctl daemon-reload"
    assert one.handlers[0].digest != other.handlers[0].digest
    assert one.handlers[0].digest == rendered(identity, bandwidth="1M").handlers[0].digest


def test_a_mount_is_named_as_systemd_names_it():
    assert unit_name("/mnt/omv") == "mnt-omv"
    assert unit_name("/mnt/my-nas/b_1/") == "mnt-my\\x2dnas-b_1"
    assert unit_name("/.hidden") == "\\x2ehidden"


def test_an_nfs_store_brings_its_client_and_its_mount(identity):
    with_nfs, without = rendered(identity), rendered(identity, B2, LOCAL)
    assert "nfs-common" in with_nfs.packages
    assert "nfs-common" not in without.packages
    assert "What=omv.example.org:/export/backups" in unit(with_nfs, "mnt-omv.mount")
    assert "mnt-omv.mount" in unit(with_nfs, "estate-backup-daily.service")
    assert not any(path.endswith(".mount") for path in files(without))


def test_what_somebody_else_mounts_is_not_mounted_by_us(identity):
    elsewhere = {key: value for key, value in NFS.items() if key != "source"}
    assert not any(path.endswith(".mount") for path in files(rendered(identity, B2, LOCAL, elsewhere)))


def test_scripts_are_where_the_seed_has_them_and_can_be_run(identity):
    found = files(rendered(identity))
    for name in ("backup-all.sh", "estate-backup", "notify-failure.sh"):
        file = found[f"/opt/prodg/backups/scripts/{name}"]
        assert (file.mode, file.owner) == (0o755, "root")
        result = subprocess.run(["sh", "-n"], input=file.content, capture_output=True, check=False)
        assert result.returncode == 0, result.stderr
    assert "/opt/prodg/backups/scripts/estate_backup/config.py" in found


def test_without_an_alertmanager_nobody_is_told(identity):
    less = factories.stack("caddy", "redis")
    text = files(rendered(identity, stack=less))["/opt/prodg/backups/scripts/notify-failure.sh"].content
    assert b"docker" not in text


def test_without_settings_there_is_a_place_for_metrics_and_nothing_else():
    desired = backups(factories.mainframe(), STACK, {})
    assert desired.tree.files == ()
    assert (desired.packages, desired.units) == ((), ())


def test_placeholders_render_to_placeholders():
    mine = host()
    found = files(backups(mine, STACK, placeholders(STACK, mine)))
    assert found["/opt/prodg/secrets/backup/signing.pem"].content == b"placeholder-backup-signing-seed\n"
    assert "PRIVATE KEY" not in "".join(f.content.decode() for f in found.values() if isinstance(f, File))
