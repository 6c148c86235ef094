"""What the fault tests have in common: a host that is slow at a known place, and what a run left behind."""

import time

from estate_copy import Checkout, inside, on_host

MARK = "/run/estate-fault-here"
SLOW = f'"touch {MARK}; sleep {{seconds}}; systemctl restart systemd-journald"'


def slow_copy(tmp_path, seconds=25):
    """A checkout whose base task stops for a while in the middle of its handlers, on every host."""
    copy = Checkout.copy_to(tmp_path / "estate")
    slow(copy, seconds, ("vps", "omv"))
    return copy


def slow(copy, seconds, names):
    """Have a copy's base task do that; the test waits for these hosts."""
    for name in names:
        inside(name, f"rm -f {MARK}")
    copy.edit("estate/render/base.py", '"systemctl restart systemd-journald"', SLOW.format(seconds=seconds))
    # Another digest makes the handler due
    copy.edit("templates/base/journald.conf.j2", "[Journal]", "[Journal]\n# a change\n")


def await_mark(name, seconds=60):
    """Wait until the host is at that place."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if inside(name, f"[ ! -e {MARK} ] || echo here").strip():
            inside(name, f"rm -f {MARK}")
            return
        time.sleep(0.2)
    raise AssertionError(f"{name} never came to the middle of the run")


def finish(process, seconds=180):
    """Exit code and output of a run that was started."""
    text, _ = process.communicate(timeout=seconds)
    return process.returncode, text


def lock_of(name):
    """The host's lock, or nothing."""
    return on_host(name, "cat /var/lib/estate/run.lock 2>/dev/null || :").strip()


def last_journal(name):
    """The host's newest journal entry, as text."""
    return on_host(name, "cd /var/lib/estate/journal && cat $(ls | tail -n 1)")


def cut_off(name):
    """The host hears nobody any more, and says nothing."""
    inside(
        name,
        "nft add table inet fault; nft 'add chain inet fault in { type filter hook input priority -300; }';"
        "nft add rule inet fault in ip saddr 10.99.0.1 drop",
    )


def heal(name):
    """Take that back."""
    inside(name, "nft delete table inet fault 2>/dev/null || :")
