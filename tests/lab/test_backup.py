"""Backups of the lab's mainframe: made, listed, checked, proven, and one service restored from them."""

import json
import time
from urllib.parse import urlencode

import pytest
from backup_scenes import HOST, LAB, PROGRAM, backup, fill, look, newest, page, store
from estate_copy import Checkout, estate_command, inside, sealed_copy, second_tag

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.mainframe


@pytest.fixture(scope="module", autouse=True)
def filled():
    """Something to keep; whatever a test before left at the store is nobody's any more."""
    run = Checkout().deploy_when_free("--limit", HOST)
    assert run.code == 0, run.text
    fill()


def test_the_page_does_what_it_says():
    text = page("docs/backup.md", "estate backup status")
    assert "proven" in text


def test_the_sets_are_in_every_store_and_nobody_reads_them_without_a_key():
    name = newest()
    assert name in store("find . -name manifest.json.sig")
    assert name in inside(HOST, "find /opt/prodg/backups/sets -name manifest.json.sig")
    text = store("find . -type f -print0 | xargs -0 cat | tr -c '[:print:]' '\\n'")
    for word in ("kept in redis", "in the write-ahead log", "estate_test", "folder 1/object-1"):
        assert word not in text
    assert "age-encryption.org" in text


def test_no_secret_is_in_a_set_a_script_or_the_journal():
    values = {value for value in sealed_copy().values().values() if len(value) > 12}
    text = store("find . -type f -name '*.json*' -print0 | xargs -0 cat")
    text += inside(
        HOST,
        "cat /opt/prodg/backups/scripts/* /opt/prodg/backups/config.json /opt/prodg/backups/metrics/* 2>/dev/null;"
        "cat /etc/systemd/system/estate-backup*; cat /opt/prodg/backups/state/*;"
        "journalctl --no-pager -o cat -u 'estate-backup*'; ls -R /opt/prodg/backups/work 2>/dev/null || :",
    )
    assert not [value for value in values if value in text]
    assert len(text) > 2000


def test_a_restore_brings_back_what_was_lost_and_nothing_else():
    before = look()
    inside(HOST, "docker exec headscale headscale users create after-the-set >/dev/null 2>&1 || :")
    inside(
        HOST,
        'docker exec postgres sh -c \'psql -qX -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "drop table estate_test"\'',
    )
    answer = backup("restore", newest(), "--service", "postgres", "--to", "live", "--confirm", HOST)
    assert answer
    after = look()
    assert after.splitlines()[:2] == before.splitlines()[:2]
    assert "after-the-set" in after, "a service that was not named was restored"
    run = Checkout().deploy_when_free("--limit", HOST)
    assert (run.code, run.changes) == (0, []), run.text


def test_a_restore_without_the_hosts_name_changes_nothing():
    before = look()
    run = estate_command("backup", "restore", LAB, newest(), "--to", "live", "--confirm", "another")
    assert run.code != 0
    assert "nothing was changed" in run.text
    assert look() == before


def numbers(expressions):
    """How many series Prometheus has for each of these expressions."""
    asked = [f"http://127.0.0.1:9090/api/v1/query?{urlencode({'query': text})}" for text in expressions]
    lines = inside(HOST, "".join(f"docker exec prometheus wget -qO- '{url}'; echo\n" for url in asked)).splitlines()
    return {text: json.loads(line)["data"]["result"] for text, line in zip(expressions, lines, strict=True)}


def test_every_panel_of_the_board_shows_the_labs_backups():
    board = json.loads(inside(HOST, "cat /opt/prodg/compose/grafana/boards/backups.json"))
    wanted = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(wanted) > 15
    end = time.monotonic() + 90  # a scrape, and the rules after it
    while not all((found := numbers(wanted)).values()) and time.monotonic() < end:
        time.sleep(5)
    assert [text for text, series in found.items() if not series] == []
    assert [series["value"][1] for series in found["min(estate_backup_last_drill_ok)"]] == ["1"]


@pytest.fixture
def forgetful():
    """Whatever the test writes of proofs, afterwards those of before are known."""
    path = "/opt/prodg/backups/state/proven.json"
    inside(HOST, f"cp -p {path} {path}.aside")
    yield path
    inside(HOST, f"mv {path}.aside {path}")
    run = Checkout().deploy_when_free("--limit", HOST)
    assert run.code == 0, run.text


def test_a_migration_wants_a_proven_restore(tmp_path, forgetful):
    changed = Checkout.copy_to(tmp_path / "estate")
    changed.edit("lab/inventory.py", '"refuse_after": 0', '"refuse_after": 8')
    image = second_tag("vaultwarden", "9.9.9-unproven")
    changed.edit("group_data/mainframe.py", "images: dict[str, str] = {}", f'images = {{"vaultwarden": "{image}"}}')
    running = inside(HOST, "docker ps --format '{{.ID}} {{.Image}}'")
    inside(HOST, f"echo '{{}}' >{forgetful}")
    refused = changed.deploy("--limit", HOST)
    assert refused.code == ExitCode.REFUSED, refused.text
    assert "rewrites the data of vaultwarden, of which a restore was never proven" in refused.text
    assert inside(HOST, "docker ps --format '{{.ID}} {{.Image}}'") == running
    inside(HOST, f'sed \'s/"at": "20[0-9]*-/"at": "2020-/\' {forgetful}.aside >{forgetful}')
    refused = changed.deploy("--limit", HOST)
    assert refused.code == ExitCode.REFUSED, refused.text
    assert "days ago" in refused.text
    assert "days old; `estate backup drill`" in Checkout().dry_run("--limit", HOST).text, "a warning for every deploy"
    inside(HOST, f"cp -p {forgetful}.aside {forgetful}")
    done = changed.deploy("--limit", HOST)
    assert done.code == 0, done.text
    assert "9.9.9-unproven" in inside(HOST, "docker ps --format '{{.Image}}'")


def test_the_timers_wait_for_their_time():
    timers = inside(HOST, "systemctl list-timers --all --no-legend --plain 'estate-backup-*'")
    assert len(timers.splitlines()) == 4


def test_the_program_answers_on_the_host_itself():
    assert newest() in inside(HOST, f"{PROGRAM} list")


@pytest.mark.parametrize("job", ["daily", "weekly", "check", "drill"])
def test_what_the_timers_start_ends_well_in_its_sandbox(job):
    began = inside(HOST, "date -u +%Y-%m-%dT%H%M%SZ").strip()
    inside(
        HOST, f"systemctl start estate-backup-{job}.service || {{ journalctl -n 40 -u estate-backup-{job}; exit 1; }}"
    )
    if job in ("daily", "weekly"):
        assert newest() >= began
    if job == "drill":
        assert "proven" in estate_command("backup", "status", LAB).text


ALERTS = "docker exec alertmanager amtool alert query --alertmanager.url=http://127.0.0.1:9093 -o json"


def alerts():
    """The alerts that fire now, by name, with the unit that they are about."""
    return {(a["labels"]["alertname"], a["labels"].get("unit", "")) for a in json.loads(inside(HOST, ALERTS))}


def test_a_unit_that_is_killed_is_told_of():
    """What cannot speak for itself any more: systemd does."""
    unit = "estate-backup-daily"
    inside(HOST, f"systemctl start --no-block {unit} && sleep 1 && systemctl kill --signal=KILL {unit}")
    end = time.monotonic() + 60
    while ("BackupFailed", unit) not in alerts():
        assert time.monotonic() < end, alerts()
        time.sleep(2)
    inside(HOST, f"systemctl reset-failed {unit}; systemctl start {unit}")
