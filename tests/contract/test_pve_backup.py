"""`vzdump`, `pct restore`, backup jobs and their scheduler (facts/homelab-vps.md §1.5)."""

import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from pve_stand_in import Pve

from lab.standins.proxmox import jobs


@pytest.fixture
def pve(tmp_path) -> Pve:
    found = Pve(tmp_path).with_template()
    export = found.node.data / "nfs/10.99.0.33/export/backups"
    export.mkdir(parents=True)
    words = ("--server", "10.99.0.33", "--export", "/export/backups", "--content", "backup")
    found.ok("pvesm", "add", "nfs", "omv", *words)
    assert found.create(features="nesting=1").status == 0
    return found


def dumps(pve: Pve) -> list[Path]:
    return sorted((pve.node.root / "mnt/pve/omv/dump").glob("*.tar.zst"))


def test_an_archive_holds_the_root_and_the_configuration(pve) -> None:
    pve.ok("pct", "start", "141")
    said = pve.ok(
        "vzdump", "141", "--storage", "omv", "--compress", "zstd", "--notes-template", "{{guestname}}/{{vmid}}"
    )
    (archive,) = dumps(pve)
    assert archive.name == "vzdump-lxc-141-2026_11_22-04_00_00.tar.zst"
    with tarfile.open(archive) as tar:
        text = tar.extractfile("./etc/vzdump/pct.conf").read().decode()
        assert "./etc/debian_version" in tar.getnames()
    assert "features: nesting=1\n" in text
    assert "lock" not in text
    assert archive.with_name(archive.name + ".notes").read_text() == "postgres/141"
    assert archive.with_name("vzdump-lxc-141-2026_11_22-04_00_00.log").exists()
    assert "INFO: backup mode: snapshot" in said.out
    assert pve.ok("pct", "status", "141").out == "status: running"
    assert not pve.backend.frozen
    assert [row.split()[0] for row in pve.ok("pvesm", "list", "local-lvm").out.splitlines()[1:]] == [
        "local-lvm:vm-141-disk-0"
    ]


def test_without_snapshots_the_container_is_suspended_in_the_meantime(pve, tmp_path) -> None:
    (tmp_path / "srv").mkdir()
    pve.ok("pvesm", "set", "local", "--content", "rootdir,vztmpl,backup")
    assert pve.create(142, rootfs="local:8").status == 0
    pve.ok("pct", "start", "142")
    said = pve.ok("vzdump", "142", "--storage", "omv")
    assert "INFO: trying 'suspend' mode instead" in said.out
    assert not pve.backend.frozen


def test_bind_mounts_are_never_in_it_and_volumes_only_when_they_ask(pve, tmp_path) -> None:
    (tmp_path / "srv").mkdir()
    pve.ok("pct", "set", "141", "--mp0", "/srv,mp=/data", "--mp1", "local-lvm:1,mp=/vol")
    said = pve.ok("vzdump", "141", "--storage", "omv")
    assert "excluding bind mount point mp0 ('/data') from backup (not a volume)" in said.out
    assert "excluding volume mount point mp1 ('/vol') from backup (disabled)" in said.out


def test_retention_of_the_storage_or_of_the_call_prunes_and_protected_backups_stay(pve) -> None:
    pve.ok("vzdump", "141", "--storage", "omv", "--compress", "zstd", "--protected", "1")
    for _ in range(3):
        pve.clock += timedelta(days=1)
        pve.ok("vzdump", "141", "--storage", "omv", "--compress", "zstd", "--prune-backups", "keep-last=2")
    assert [path.name[15:25] for path in dumps(pve)] == ["2026_11_22", "2026_11_24", "2026_11_25"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("141", "--storage", "local-lvm"), "can't use storage 'local-lvm' for backups - wrong content type"),
        (("141", "--storage", "nope"), "storage 'nope' does not exist"),
        (("999", "--storage", "omv"), "unable to find VM '999'"),
        (("141", "--storage", "omv", "--mode", "hot"), "value 'hot' does not have a value in the enumeration"),
        (("141", "--storage", "omv", "--notes-template", "{{secret}}"), "found unknown: secret"),
        (("141", "--storage", "omv", "--colour", "1"), "Unknown option: colour"),
        (("--storage", "omv"), "vmid: property is missing"),
    ],
)
def test_what_vzdump_refuses(pve, words, fault) -> None:
    said = pve.run("vzdump", *words)
    assert said.status == 255
    assert fault in said.err


def test_a_store_that_is_gone_is_told_and_the_container_is_left_as_it_was(pve) -> None:
    pve.answers.discard(("10.99.0.33", 22))
    said = pve.run("vzdump", "141", "--storage", "omv")
    assert (said.status, said.err) == (255, "could not activate storage 'omv': storage 'omv' is not online\n")
    assert pve.ok("pct", "list").out.split()[-3:] == ["141", "stopped", "postgres"]


def test_one_locked_container_fails_the_job_and_not_the_others(pve) -> None:
    assert pve.create(142).status == 0
    pve.ok("pct", "set", "141", "--lock", "migrate")
    said = pve.run("vzdump", "--all", "1", "--storage", "omv", "--compress", "zstd")
    assert (said.status, said.err) == (255, "job errors\n")
    assert "ERROR: Backup of VM 141 failed - CT is locked (migrate)" in said.out
    assert [path.name.split("-")[2] for path in dumps(pve)] == ["142"]


def test_restore_takes_the_backups_settings_and_those_given(pve) -> None:
    pve.ok("vzdump", "141", "--storage", "omv", "--compress", "zstd")
    volid = f"omv:backup/{dumps(pve)[0].name}"
    pve.ok("pct", "restore", "150", volid, "--hostname", "again")
    lines = pve.ok("pct", "config", "150").out.splitlines()
    assert {"hostname: again", "memory: 4096", "features: nesting=1", "unprivileged: 1"} <= set(lines)
    assert "rootfs: local-lvm:vm-150-disk-0,size=20G" in lines
    pve.ok("pct", "start", "150")
    assert (pve.backend.root(150) / "etc/debian_version").read_text() == "13.1\n"
    assert pve.run("pct", "restore", "150", volid, "--force", "1").err == "can't overwrite running container\n"


def test_a_job_is_kept_with_retention_as_text_and_given_as_an_object(pve) -> None:
    words = ("--id", "nightly", "--schedule", "02:30", "--storage", "omv", "--all", "1", "--mode", "snapshot")
    pve.ok("pvesh", "create", "/cluster/backup", *words, "--prune-backups", "keep-daily=7,keep-weekly=4")
    (row,) = pve.ok("pvesh", "get", "/cluster/backup", "--output-format", "json").json()
    assert row["prune-backups"] == {"keep-daily": "7", "keep-weekly": "4"}
    assert (row["id"], row["enabled"], row["all"], row["schedule"]) == ("nightly", 1, 1, "02:30")
    text = (pve.node.pve / "jobs.cfg").read_text()
    assert text.startswith("vzdump: nightly\n\tall 1\n\tenabled 1\n")
    assert "\tprune-backups keep-daily=7,keep-weekly=4\n" in text
    pve.ok("pvesh", "set", "/cluster/backup/nightly", "--vmid", "141")
    assert "all" not in pve.ok("pvesh", "get", "/cluster/backup/nightly", "--output-format", "json").json()
    pve.ok("pct", "destroy", "141", "--purge", "1")
    assert pve.ok("pvesh", "get", "/cluster/backup", "--output-format", "json").json() == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--schedule", "25:00", "--all", "1"), "unable to parse calendar event '25:00'"),
        (("--all", "1"), "neither 'starttime' nor 'schedule' were set"),
        (("--schedule", "02:30"), "one of vmid, all, pool"),
        (("--schedule", "02:30", "--all", "1", "--vmid", "141"), "only one of vmid, all, pool"),
        (("--schedule", "02:30", "--all", "1", "--starttime", "02:30"), "Unknown option: starttime"),
    ],
)
def test_what_a_job_refuses(pve, words, fault) -> None:
    said = pve.run("pvesh", "create", "/cluster/backup", *words)
    assert said.status == 255
    assert fault in said.err


def test_the_scheduler_runs_a_job_when_its_time_has_come_and_once(pve) -> None:
    words = (
        "--id",
        "nightly",
        "--schedule",
        "04:05",
        "--storage",
        "omv",
        "--all",
        "1",
        "--prune-backups",
        "keep-last=3",
    )
    pve.ok("pvesh", "create", "/cluster/backup", *words)
    ran: list[list[str]] = []

    def execute(argv: list[str]) -> int:
        ran.append(argv)
        return 0

    for _ in range(8):
        jobs.run_due(pve.node, execute)
        pve.clock += timedelta(minutes=1)
    assert ran == [
        ["vzdump", "--all", "1", "--prune-backups", "keep-last=3", "--storage", "omv", "--quiet", "1"],
    ]


@pytest.mark.parametrize(("repeat", "times"), [("0", 0), ("1", 1)])
def test_a_job_that_was_missed_is_repeated_only_when_that_is_asked_for(pve, repeat, times) -> None:
    words = ("--id", "nightly", "--schedule", "04:05", "--storage", "omv", "--all", "1", "--repeat-missed", repeat)
    pve.ok("pvesh", "create", "/cluster/backup", *words)
    jobs.run_due(pve.node, lambda argv: 0)
    pve.clock += timedelta(hours=3)
    assert jobs.run_due(pve.node, lambda argv: 0) == times
