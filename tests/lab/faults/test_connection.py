"""Hosts that cannot be reached, are not who they were, or vanish on the way."""

import signal
import subprocess
import time

import pytest
from estate_copy import OTHERS, REPO, Checkout, estate_command, fingerprints, inside, on_host
from scenes import await_mark, cut_off, finish, heal, last_journal, lock_of, slow_copy

from estate.cli import hosts
from estate.exit_codes import ExitCode
from estate.inventory import load

pytestmark = pytest.mark.hosts

BOTH = ("--limit", "vps", "--limit", "omv")


@pytest.fixture
def healed():
    yield
    for name in ("omv", "vps"):
        heal(name)
        inside(name, "systemctl start ssh")


@pytest.mark.fault(
    "host unreachable", sees="the host, why, and what to do; nothing is changed on any", codes=[6], hosts="omv vps"
)
@pytest.mark.parametrize("options", [("-y",), ("--dry",), ()], ids=["-y", "--dry", "interactive, no terminal"])
@pytest.mark.usefixtures("healed")
def test_a_host_that_is_down_stops_the_run_before_any_change(options):
    before = fingerprints(OTHERS)
    inside("omv", "systemctl stop ssh")
    run = Checkout().pyinfra(*options, *BOTH)
    inside("omv", "systemctl start ssh")
    assert run.code == ExitCode.UNREACHABLE, run.text
    assert "omv: unreachable: Could not connect" in run.text
    assert "EOF" not in run.text
    assert fingerprints(OTHERS) == before


@pytest.mark.fault(
    "an optional host is switched off",
    sees="that it is optional, and that `--exclude` leaves it out; never silently",
    codes=[6, 0],
    hosts="omv",
)
def test_an_optional_host_is_left_out_by_name_only(tmp_path):
    copy = Checkout.copy_to(tmp_path / "estate")
    (copy.root / "group_data" / "nas.py").write_text(
        (copy.root / "group_data" / "nas.py").read_text() + "\noptional = True\n"
    )
    inside("omv", "systemctl stop ssh")
    try:
        run = copy.deploy("--limit", "vps", "--limit", "omv")
        assert run.code == ExitCode.UNREACHABLE, run.text
        assert "it is optional: `--exclude omv` leaves it out" in run.text
        without = copy.deploy("--limit", "vps", "--limit", "omv", "--exclude", "omv")
        assert without.code == 0, without.text
        assert '"quarantined":["omv"]' in last_journal("vps")
    finally:
        inside("omv", "systemctl start ssh")


@pytest.mark.fault("network black hole", sees="the host is named within its time limit", codes=[6], hosts="omv vps")
@pytest.mark.usefixtures("healed")
def test_a_black_hole_does_not_hang():
    cut_off("omv")
    began = time.monotonic()
    run = Checkout().pyinfra("-y", *BOTH)
    assert run.code == ExitCode.UNREACHABLE, run.text
    assert "omv: unreachable" in run.text
    assert time.monotonic() - began < 30


@pytest.mark.fault(
    "network black hole in the middle of a run",
    sees="the host is lost within 30 s; the task in progress ends on the others, the next one does not begin",
    codes=[6],
    hosts="omv vps",
)
@pytest.mark.usefixtures("healed")
def test_a_host_that_vanishes_on_the_way_is_named(tmp_path):
    process = slow_copy(tmp_path, 40).start(*BOTH)
    await_mark("omv")
    cut_off("omv")
    began = time.monotonic()
    code, text = finish(process)
    assert code == ExitCode.UNREACHABLE, text
    assert "the connection was lost" in text
    assert time.monotonic() - began < 60
    assert "Starting operation: Firewall" not in text
    assert "done" in last_journal("vps")


@pytest.mark.fault(
    "SSH session killed on the host",
    sees="the connection was lost; nobody takes the host while what was started there still runs",
    codes=[6, 7],
)
def test_a_killed_session_is_named(tmp_path):
    process = slow_copy(tmp_path, 15).start("--limit", "vps")
    await_mark("vps")
    inside("vps", "kill -9 $(ps -e -o pid= -o args= | awk '/sshd-session: mitch|sshd: mitch/ && !/awk/ {print $1}')")
    code, text = finish(process)
    assert code == ExitCode.UNREACHABLE, text
    assert "the connection was lost" in text
    # Else it would be finished by what the lost run left, over what this one did
    assert Checkout().deploy("--limit", "vps").code == ExitCode.LOCKED


@pytest.mark.fault("host rebooted in the middle of a run", sees="the connection was lost", codes=[6])
def test_a_reboot_in_the_middle(tmp_path):
    process = slow_copy(tmp_path, 30).start("--limit", "vps")
    await_mark("vps")
    subprocess.run(["docker", "restart", "--time", "0", "estate-lab-vps"], capture_output=True, check=True)
    code, text = finish(process)
    assert code == ExitCode.UNREACHABLE, text
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not up("vps"):
        time.sleep(1)
    # What starts late, Docker above all, sets kernel parameters of its own
    inside("vps", "systemctl is-system-running --wait || :")


def up(name):
    words = ["ssh", "-F", str(REPO / ".lab" / "ssh_config"), "-o", "ConnectTimeout=2", name, "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def write_keys(path, text):
    """At once: another lane's runs read them too."""
    new = path.with_name(f"{path.name}.test")
    new.write_text(text)
    new.replace(path)


@pytest.mark.fault("host key changed", sees="that it does not match, and how to approve a new one", codes=[6])
def test_a_changed_host_key_is_refused_until_a_person_approves_it():
    keys = REPO / ".lab" / "known_hosts"
    text = keys.read_text()
    on_host("vps", "cp -a /etc/ssh /root/ssh-before && rm /etc/ssh/ssh_host_ed25519_key* && ssh-keygen -q -A")
    try:
        inside("vps", "systemctl restart ssh")
        run = Checkout().pyinfra("-y", "--limit", "vps")
        assert run.code == ExitCode.UNREACHABLE, run.text
        assert "estate hosts trust inventories/lab.py vps" in run.text
        refused = estate_command("hosts", "trust", "inventories/lab.py", "vps")
        assert refused.code == 1
        assert "somebody may be listening" in refused.text
        shown = inside("vps", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
        words = ("hosts", "trust", "inventories/lab.py", "vps", "--replace", "--fingerprint")
        assert estate_command(*words, "SHA256:wrong").code == 1
        trusted = estate_command(*words, shown)
        assert trusted.code == 0, trusted.text
        assert Checkout().deploy("--limit", "vps").code == 0
    finally:
        inside(
            "vps",
            "[ ! -d /root/ssh-before ] || { rm -rf /etc/ssh; mv /root/ssh-before /etc/ssh; }; systemctl restart ssh",
        )
        write_keys(keys, text)


@pytest.mark.fault("host key unknown", sees="that no key is pinned, and how to approve it", codes=[6])
def test_an_unknown_host_key_is_never_accepted_silently():
    keys = REPO / ".lab" / "known_hosts"
    text, address = keys.read_text(), hosts.address(load(REPO / "inventories" / "lab.py").ssh["vps"])
    write_keys(keys, hosts.with_keys(text, address, set()))
    assert not hosts.pinned(keys.read_text(), address)
    try:
        run = Checkout().pyinfra("-y", "--limit", "vps")
        assert run.code == ExitCode.UNREACHABLE, run.text
        assert "estate hosts trust inventories/lab.py vps" in run.text
        assert not hosts.pinned(keys.read_text(), address)
    finally:
        write_keys(keys, text)


@pytest.mark.fault("sudo denied", sees="that commands cannot run as root, at once, without a question", codes=[3])
def test_a_login_without_sudo_is_refused_at_once():
    inside("vps", "mkdir -p /root/sudoers && mv /etc/sudoers.d/* /root/sudoers/; gpasswd -d mitch sudo")
    try:
        began = time.monotonic()
        run = Checkout().pyinfra("-y", "--limit", "vps")
        assert run.code == ExitCode.REFUSED, run.text
        assert "vps/sudo: cannot run a command as root" in run.text
        assert time.monotonic() - began < 20
    finally:
        inside("vps", "mv /root/sudoers/* /etc/sudoers.d/; usermod -aG sudo mitch")


@pytest.mark.fault(
    "Ctrl-C or SIGTERM in an operation",
    sees="what runs ends first; then the run stops, journal and locks are in order",
    codes=[130],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_leaves_order(tmp_path, number):
    process = slow_copy(tmp_path, 4).start("--limit", "vps")
    await_mark("vps")
    process.send_signal(number)
    code, text = finish(process)
    assert code == ExitCode.INTERRUPTED, text
    assert "Interrupted" in text
    assert "Starting operation: Firewall" not in text
    assert '"outcome":"interrupted"' in last_journal("vps")
    assert lock_of("vps") == ""


@pytest.mark.fault(
    "controller killed (SIGKILL)",
    sees="the next run: locked for a few seconds, then which run was interrupted; it finishes that",
    codes=[7, 0],
)
def test_a_killed_controller_frees_the_host_and_is_named(tmp_path):
    process = slow_copy(tmp_path, 6).start("--limit", "vps")
    await_mark("vps")
    process.kill()
    process.communicate()
    assert Checkout().deploy("--limit", "vps").code == ExitCode.LOCKED
    run = Checkout().deploy_when_free("--limit", "vps")
    assert run.code == 0, run.text
    assert "was interrupted; this one finishes it" in run.text
    history = estate_command("history", "inventories/lab.py", "vps", "--last", "3")
    assert "interrupted" in history.text
