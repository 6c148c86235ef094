"""A host in bad order: no room, read-only, a wrong clock, a lock that apt holds."""

import random
import time

import pytest
from estate_copy import Checkout, fingerprints, inside, on_host
from scenes import lock_of

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.hosts


def refused(expected):
    run = Checkout().deploy("--limit", "vps")
    assert run.code == ExitCode.REFUSED, run.text
    assert expected in run.text, run.text
    assert run.changes == []
    assert lock_of("vps") == ""


@pytest.fixture
def unmount():
    mounts = []

    def mount(name, options, path):
        inside(name, f"mkdir -p {path} && mount {options} {path}")
        mounts.append((name, path))

    yield mount
    for name, path in mounts:
        inside(name, f"umount -l {path} 2>/dev/null || :")


@pytest.mark.fault("disk full", sees="how much is free and how much is needed, before any change", codes=[3])
def test_a_full_disk_is_refused_before_any_change(unmount):
    unmount("vps", "-t tmpfs -o size=1m tmpfs", "/opt")
    refused("vps/opt: 1")


@pytest.mark.fault("inodes full", sees="how many inodes are free, before any change", codes=[3])
def test_full_inodes_are_refused_before_any_change(unmount):
    unmount("vps", "-t tmpfs -o size=1g,nr_inodes=20 tmpfs", "/opt")
    refused("inodes free")


@pytest.mark.fault("read-only file system", sees="what cannot be written, before any change", codes=[3])
def test_a_read_only_file_system_is_refused_before_any_change(unmount):
    unmount("vps", "--bind -o ro /var/lib/estate", "/var/lib/estate")
    inside("vps", "mount -o remount,ro,bind /var/lib/estate")
    run = Checkout().deploy("--limit", "vps")
    assert run.code == ExitCode.REFUSED, run.text
    assert "cannot be written" in run.text


@pytest.mark.fault("disk full while files are written", sees="not enough room; the old file is untouched", codes=[5])
def test_a_disk_that_fills_on_the_way_leaves_the_old_file(unmount):
    inside("vps", "cp -a /etc/sysctl.d /root/sysctl.d")
    unmount("vps", "-t tmpfs -o size=64k tmpfs", "/etc/sysctl.d")
    inside("vps", "echo old >/etc/sysctl.d/60-estate.conf; rm -rf /root/sysctl.d")
    run = Checkout().deploy("--limit", "vps")
    assert run.code == ExitCode.NOT_RETURNED, run.text
    assert "not enough room for /etc/sysctl.d/60-estate.conf" in run.text
    assert on_host("vps", "cat /etc/sysctl.d/60-estate.conf") == "old\n"
    assert on_host("vps", "ls -A /etc/sysctl.d") == "60-estate.conf\n"


@pytest.mark.fault("clock wrong", sees="by how much the clock is off", codes=[3])
def test_a_wrong_clock_is_refused():
    fake = 'case "$*" in "+%s") echo $(($(/bin/date +%s) + 7200)) ;; *) exec /bin/date "$@" ;; esac'
    inside("vps", f"printf '%s\\n' '#!/bin/sh' '{fake}' >/usr/local/sbin/date && chmod 755 /usr/local/sbin/date")
    try:
        refused("vps/clock: its clock is 7")
    finally:
        inside("vps", "rm /usr/local/sbin/date")


@pytest.mark.fault("time jump while a lock is held", sees="nothing: a lease from the future does not count", codes=[0])
def test_a_lock_from_the_future_is_no_lock():
    words = r"20200101T000000Z-aaaa\tada@desk\t2030-01-01T00:00:00Z\tdeploy\t9999999999"
    inside("vps", f"printf '{words}\\n' >/var/lib/estate/run.lock")
    run = Checkout().deploy("--limit", "vps")
    assert run.code == 0, run.text
    assert "run 20200101T000000Z-aaaa of ada@desk (deploy) was interrupted" in run.text


@pytest.mark.fault("unsupported system", sees="which system it is, and which are known", codes=[3])
def test_an_unknown_system_is_refused(unmount):
    inside("vps", "cp /etc/os-release /root/os-release; printf 'ID=plan9\\nVERSION_ID=4\\n' >/root/other-release")
    inside("vps", "mount --bind /root/other-release /etc/os-release")
    try:
        refused("vps/system: plan9 4 is not supported")
    finally:
        inside("vps", "umount /etc/os-release")


@pytest.mark.fault("apt's lock is held", sees="nothing: the deploy waits for the other apt", codes=[0])
def test_a_held_apt_lock_is_waited_for():
    inside("vps", "apt-get -qq remove -y unattended-upgrades >/dev/null 2>&1")
    # A lock of fcntl's kind, as apt takes it (struct flock of 64-bit Linux)
    lock = '$$l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $$l) or die'
    perl = f'use Fcntl; open(F, ">", "/var/lib/dpkg/lock-frontend"); {lock}; sleep 8'
    inside(
        "vps",
        f"systemd-run --quiet --collect --unit=other-apt perl -e '{perl}'; sleep 1; systemctl is-active other-apt",
    )
    began = time.monotonic()
    run = Checkout().deploy("--limit", "vps")
    assert run.code == 0, run.text
    assert time.monotonic() - began > 5
    assert ("package", "unattended-upgrades") in {(c["kind"], c["name"]) for c in run.changes}


@pytest.mark.fault("somebody edited a managed file", sees="the difference, in the plan", codes=[0])
def test_an_edited_file_is_shown_and_mended():
    inside("vps", "echo '# by hand' >>/etc/sysctl.d/60-estate.conf")
    plan = Checkout().dry_run("--limit", "vps")
    assert [(c["name"], c["action"]) for c in plan.changes] == [("/etc/sysctl.d/60-estate.conf", "update")]
    assert "-# by hand" in plan.changes[0]["diff"]


@pytest.mark.fault(
    "upload cut off at any byte (20 places)", sees="nothing of it: the old file, or the new one, whole", codes=[0]
)
def test_a_cut_upload_leaves_nothing_behind(tmp_path):
    import subprocess

    from estate_copy import REPO

    from estate.models.desired import Desired, File, Tree
    from estate.operations.files import apply_script, payload
    from estate.plan.files import plan_files
    from estate.plan.state import HostState

    old, new = b"old\n" * 1000, random.Random(4).randbytes(200_000)  # noqa: S311 - only noise
    inside("vps", "mkdir -p /etc/cut && yes old | head -n 1000 >/etc/cut/file && chmod 600 /etc/cut/file")
    stream = payload(plan_files(Desired("cut", tree=Tree((File("/etc/cut/file", new, mode=0o600),))), HostState()))
    argv = ["ssh", "-F", str(REPO / ".lab" / "ssh_config"), "vps", "sudo", "-n", "sh", "-c", f"'{apply_script()}'"]
    quoted = apply_script().replace("'", "'\"'\"'")
    argv[-1] = f"'{quoted}'"
    try:
        for place in random.Random(7).sample(range(len(stream)), 20):  # noqa: S311 - only places
            with subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                process.stdin.write(stream[:place].encode())
                process.stdin.flush()
                process.kill()
            deadline = time.monotonic() + 10
            while "incoming" in on_host("vps", "ls /var/lib/estate") and time.monotonic() < deadline:
                time.sleep(0.2)
            assert on_host("vps", "ls -A /etc/cut; ls /var/lib/estate/incoming 2>/dev/null || :") == "file\n"
            assert on_host("vps", "sha256sum </etc/cut/file").split()[0] == _digest(old)
        subprocess.run(argv, input=stream.encode(), check=True, timeout=30)
        assert on_host("vps", "sha256sum </etc/cut/file").split()[0] == _digest(new)
    finally:
        inside("vps", "rm -rf /etc/cut /var/lib/estate/trees/cut")


def _digest(content):
    from hashlib import sha256

    return sha256(content).hexdigest()


@pytest.mark.fault(
    "script killed on the host while it writes", sees="nothing: the next run removes what it left", codes=[0]
)
def test_what_a_killed_script_left_is_removed_by_the_next_run():
    inside(
        "vps",
        "mkdir -p /var/lib/estate/incoming && printf 'F\\t0644\\troot\\troot\\t/etc/sysctl.d/60-estate.conf\\tb0\\n'"
        " >/var/lib/estate/incoming/plan; echo half >/etc/sysctl.d/.60-estate.conf.estate-new;"
        "echo '# by hand' >>/etc/sysctl.d/60-estate.conf",
    )
    run = Checkout().deploy("--limit", "vps")
    assert run.code == 0, run.text
    assert "estate-new" not in on_host("vps", "ls -A /etc/sysctl.d")
    assert "incoming" not in on_host("vps", "ls /var/lib/estate")


@pytest.mark.alone
def test_a_refused_host_keeps_the_others_untouched(unmount):
    before = fingerprints()
    unmount("vps", "-t tmpfs -o size=1m tmpfs", "/opt")
    run = Checkout().deploy()
    assert run.code == ExitCode.REFUSED, run.text
    assert fingerprints() == before
    assert all(lock_of(name) == "" for name in ("mainframe", "vps", "omv"))
