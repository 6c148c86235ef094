"""What the stand-in for Proxmox reads and works out by itself."""

from datetime import datetime, timedelta

import pytest

from lab.standins.proxmox import calendar, ctconf, lxcconf, propstr, retention, sections, users
from lab.standins.proxmox.backend import Limits
from lab.standins.proxmox.lxc import limit_settings
from lab.standins.proxmox.output import table

SUNDAY = datetime(2026, 11, 22, 4, 0, 0)


@pytest.mark.parametrize(
    ("event", "after"),
    [
        ("02:30", datetime(2026, 11, 23, 2, 30)),
        ("04:00", datetime(2026, 11, 23, 4, 0)),
        ("sun 05:00", datetime(2026, 11, 22, 5, 0)),
        ("sun 02:00", datetime(2026, 11, 29, 2, 0)),
        ("mon..fri 22:00", datetime(2026, 11, 23, 22, 0)),
        ("sat,tue 1:05", datetime(2026, 11, 24, 1, 5)),
        ("sat..mon 3:00", datetime(2026, 11, 23, 3, 0)),
        ("*/15", datetime(2026, 11, 22, 4, 15)),
        ("8..17/4:30", datetime(2026, 11, 22, 8, 30)),
        ("hourly", datetime(2026, 11, 22, 5, 0)),
        ("daily", datetime(2026, 11, 23, 0, 0)),
        ("wed", datetime(2026, 11, 25, 0, 0)),
    ],
)
def test_calendar_events(event: str, after: datetime) -> None:
    assert calendar.parse(event).after(SUNDAY) == after


@pytest.mark.parametrize("event", ["25:00", "02:75", "someday", "mon 02:30 utc", "*/0", "1:2:3:4"])
def test_what_is_no_calendar_event(event: str) -> None:
    with pytest.raises(ValueError, match="unable to parse calendar event"):
        calendar.parse(event)


def kept(keep: dict[str, str], days: int = 40) -> list[int]:
    times = [SUNDAY - timedelta(days=back) for back in range(days)]
    return [back for back, mark in enumerate(retention.marks(times, keep)) if mark == "keep"]


def test_retention_keeps_the_newest_of_each_period_and_counts_none_twice() -> None:
    assert kept({"keep-last": "3"}) == [0, 1, 2]
    assert kept({"keep-daily": "2", "keep-weekly": "2"}) == [0, 1, 7, 14]
    assert kept({"keep-daily": "1", "keep-monthly": "2"}) == [0, 22]
    assert kept({"keep-all": "1"}, 5) == kept({}, 5) == [0, 1, 2, 3, 4]


def test_of_two_backups_of_a_day_the_newer_is_kept() -> None:
    times = [SUNDAY, SUNDAY + timedelta(hours=2)]
    assert retention.marks(times, {"keep-daily": "3"}) == ["remove", "keep"]


def test_property_strings_come_back_normalised() -> None:
    parsed = propstr.MOUNT.parse("local-lvm:vm-1-disk-1,size=4G,backup=yes,mp=/data")
    assert propstr.MOUNT.format(parsed) == "local-lvm:vm-1-disk-1,mp=/data,backup=1,size=4G"
    assert propstr.NET.format(propstr.NET.parse("ip=dhcp,tag=20,name=eth0")) == "name=eth0,ip=dhcp,tag=20"


@pytest.mark.parametrize("text", ["a=1", "local:4,local:5", "local:4,size=big", "mp=/x"])
def test_property_strings_that_do_not_fit(text: str) -> None:
    with pytest.raises(ValueError, match="format error"):
        propstr.ROOTFS.parse(text)


@pytest.mark.parametrize(("text", "size"), [("8G", 8 * 1024**3), ("1.5M", 1572864), ("512", 512)])
def test_sizes(text: str, size: int) -> None:
    assert propstr.parse_size(text) == size


def test_sizes_are_written_in_the_largest_whole_unit() -> None:
    assert [propstr.format_size(size) for size in (20 * 1024**3, 1536 * 1024**2, 1000)] == ["20G", "1536M", "1000"]


CONF = """#Postgres: shared 100%25
arch: amd64
memory: 512
net0: name=eth0,bridge=vmbr0
lxc.cap.drop: sys_time
lxc.cap.drop: sys_module

[pve:pending]
delete: nameserver
features: nesting=1

[before]
#first
memory: 256
snaptime: 1795320000
"""


def test_a_configuration_survives_reading_and_writing() -> None:
    config = ctconf.parse(CONF)
    assert config.values["memory"] == "512"
    assert config.current.description == "Postgres: shared 100%\n"
    assert config.current.raw == [("lxc.cap.drop", "sys_time"), ("lxc.cap.drop", "sys_module")]
    assert config.snapshots["before"].values["memory"] == "256"
    assert ctconf.render(config) == CONF.replace("#Postgres: ", "#Postgres%3A ")


def test_what_is_pending_shows_in_what_is_to_come() -> None:
    config = ctconf.parse(CONF.replace("memory: 512\n", "memory: 512\nnameserver: 1.1.1.1\n", 1))
    assert "nameserver" in config.values
    assert "nameserver" not in config.coming().values
    assert config.coming().values["features"] == "nesting=1"


def test_section_files() -> None:
    text = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,backup\n\nnfs: omv\n\tserver 10.0.0.1\n\tdisable\n"
    found = sections.parse("# a comment\n" + text)
    assert (found["omv"].kind, found["omv"].settings) == ("nfs", {"server": "10.0.0.1", "disable": "1"})
    assert sections.parse(sections.render(found)) == found


def test_users_survive_reading_and_writing() -> None:
    text = (
        "user:root@pam:1:0::::::\nuser:x@pve:0:5:Ann%3A:B:a@b.c:note::\ntoken:x@pve!t1:9:1:for%3A it:\n\n"
        "group:ops:x@pve:all:\n\n\nrole:R:VM.Audit:\n\nacl:1:/:@ops:R:\nacl:0:/vms/1:x@pve!t1:R:\n"
    )
    found = users.parse(text)
    assert found.users["x@pve"]["firstname"] == "Ann:"
    assert found.groups_of("x@pve") == ["ops"]
    assert users.render(found) == text


@pytest.mark.parametrize(("unified", "name"), [(True, "memory.max"), (False, "memory.limit_in_bytes")])
def test_limits_are_written_for_either_cgroup_version(unified: bool, name: str) -> None:
    settings = limit_settings(Limits(512 * 1024**2, 0, 1.5), unified)
    assert settings[name] == str(512 * 1024**2)
    assert settings["cpu.max" if unified else "cpu.cfs_quota_us"] in {"150000 100000", "150000"}
    unlimited = limit_settings(Limits(1, 0, 0), unified)
    assert unlimited["cpu.max" if unified else "cpu.cfs_quota_us"] in {"max 100000", "-1"}


def lxc(text: str) -> list[str]:
    from pathlib import Path

    return lxcconf.render(141, ctconf.parse(text), Path("/r"), unified=True).splitlines()


def test_lxcs_configuration_of_an_unprivileged_container() -> None:
    lines = lxc(
        "hostname: a.b\nunprivileged: 1\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,mtu=1400\n"
    )
    assert "lxc.uts.name = a" in lines
    assert "lxc.idmap = g 0 100000 65536" in lines
    assert "lxc.seccomp.profile = /usr/share/estate-lab/no-keyctl.seccomp" in lines
    assert "lxc.net.0.mtu = 1400" in lines
    assert not [line for line in lines if "ipv4" in line or ".lxc/proc" in line]
    assert "lxc.init.cmd = /sbin/init" in lines


def test_lxcs_configuration_of_a_privileged_one_without_a_network() -> None:
    lines = lxc("features: nesting=1\n")
    assert "lxc.net.0.type = empty" in lines
    assert not [line for line in lines if "idmap" in line or "seccomp" in line]
    assert [line for line in lines if ".lxc/proc" in line]


def test_tables_are_drawn_as_in_a_terminal() -> None:
    assert table(["a", "b"], [["1", "long"], ["2", ""]]).splitlines() == [
        "┌───┬──────┐",
        "│ a │ b    │",
        "╞═══╪══════╡",
        "│ 1 │ long │",
        "├───┼──────┤",
        "│ 2 │      │",
        "└───┴──────┘",
    ]
    assert table(["a"], []) == ""
