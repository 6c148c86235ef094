"""Confirm-or-revert: whatever is done to sshd or the firewall, the operator gets back in."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from estate_copy import Checkout, inside, on_host
from scenes import finish

from estate.exit_codes import ExitCode

HOSTS = ("mainframe", "vps", "dl380p", "omv")
LIMIT = tuple(word for name in HOSTS for word in ("--limit", name))
AFTER = 12
SSHD = "templates/base/sshd.conf.j2"
RULES = "templates/firewall/nftables.conf.j2"


def reachable():
    def one(name):
        return on_host(name, "echo yes", check=False).strip() == "yes"

    with ThreadPoolExecutor(len(HOSTS)) as pool:
        return dict(zip(HOSTS, pool.map(one, HOSTS), strict=True))


def changed(tmp_path, kind):
    copy = Checkout.copy_to(tmp_path / "estate")
    if kind == "sshd moved away":
        copy.edit(SSHD, "Port {{ host.sshd_port }}", "Port 2022")
    elif kind == "controller's address dropped":
        copy.edit(RULES, "type filter hook input priority", "type filter hook input priority")
        text = (copy.root / RULES).read_text()
        first = next(line for line in text.splitlines() if "hook input" in line)
        copy.edit(RULES, first, f"{first}\n        ip saddr 10.99.0.1 drop")
    elif kind == "sshd configuration broken":
        copy.edit(SSHD, "MaxAuthTries 4", "MaxAuthTries four")
    return copy


@pytest.mark.fault(
    "sshd moved away, controller's address dropped, sshd configuration broken",
    sees="no new connection after the change; the host took it back by itself",
    codes=[4],
    hosts=" ".join(HOSTS),
)
@pytest.mark.parametrize("kind", ["sshd moved away", "controller's address dropped", "sshd configuration broken"])
def test_the_host_takes_it_back_and_the_exit_code_says_so(tmp_path, kind):
    run = changed(tmp_path, kind).deploy(*LIMIT)
    assert run.code == ExitCode.RETURNED, run.text
    assert run.text.count("estate:returned") >= len(HOSTS), run.text
    assert all(reachable().values())
    for name in HOSTS:
        assert on_host(name, "ls /var/lib/estate/revert 2>/dev/null | grep -v reverted || :") == ""
        assert "2022" not in on_host(name, "cat /etc/ssh/sshd_config.d/10-estate.conf")


@pytest.mark.fault(
    "controller killed between a firewall change and its confirmation",
    sees="the host took the change back by itself",
    codes=[0],
    hosts=" ".join(HOSTS),
)
def test_the_undo_survives_the_controller(tmp_path):
    process = changed(tmp_path, "controller's address dropped").start(*LIMIT)
    end = time.monotonic() + 60
    armed = "systemctl list-timers --all 2>/dev/null | grep -q estate-revert-nftables && echo armed || :"
    while not all(inside(name, armed).strip() == "armed" for name in HOSTS):
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    finish(process)
    began = time.monotonic()
    while not all(reachable().values()):
        assert time.monotonic() - began < AFTER + 5
    assert time.monotonic() - began < AFTER + 5


def test_a_change_that_lets_us_in_is_confirmed(tmp_path):
    copy = Checkout.copy_to(tmp_path / "estate")
    copy.edit(SSHD, "MaxAuthTries 4", "MaxAuthTries 5")
    run = copy.deploy("--limit", "vps")
    assert run.code == 0, run.text
    assert "estate-revert" not in on_host("vps", "systemctl list-timers --all")
    assert copy.dry_run("--limit", "vps").changes == []
    assert Checkout().deploy("--limit", "vps").code == 0
