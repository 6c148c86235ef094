"""The lock of a host: taken with the preflight, renewed while the run lasts, given back on every way out.

Atomic on the host (flock), and a lease: a controller that dies frees the host within LEASE seconds. Every command
that changes something checks that the lock is still its run's (fencing), and holds a second one while it runs, so that
nobody takes the host over while a dead controller's last command goes on.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from estate.models.faults import Fault
from estate.render.shell import shell, variables

LEASE = 30
"""Seconds that a lock outlives its last renewal."""
RENEW = 8
"""Seconds between renewals."""
LOST = 97
"""Exit code of a command whose run no longer has the lock."""


@dataclass(frozen=True)
class Holder:
    """Whose lock it is."""

    run: str
    who: str
    since: str
    purpose: str


def _words(me: Holder) -> str:
    values = {"RUN": me.run, "WHO": me.who, "SINCE": me.since, "PURPOSE": me.purpose, "LEASE": str(LEASE)}
    return variables(values) + shell("run/lock.sh")


def take_script(me: Holder) -> str:
    """Takes the lock, or says whose it is and ends."""
    return f"{_words(me)}\ntake_lock || exit 0\n"


def take_lock_script(me: Holder, refused: int) -> str:
    """For one long command of its own: takes the lock, keeps it while the script lasts, and gives it back.

    It is renewed on the host itself: whatever becomes of the controller, the host is ours until the command ends.

    + refused: exit code when somebody else has it; standard output then says who, for `lock_fault`
    """
    return (
        f"{_words(me)}\n"
        f"answer=$(take_lock) || {{ printf '%s\\n' \"$answer\"; exit {refused}; }}\n"
        f"( while sleep {RENEW} && kill -0 $$; do\n"
        f'    read_lock; [ "$id" = "$RUN" ] || exit 0; write_lock\n'
        f"done ) >/dev/null 2>&1 </dev/null &\n"
        f"keeper=$!\n"
        f'trap \'kill "$keeper"; read_lock; [ "$id" != "$RUN" ] || rm -f "$lock"\' EXIT\n'
        f"trap 'exit 130' HUP INT TERM\n"
    )


def renew_script(me: Holder) -> str:
    """Lengthens the lease; prints "lost" when the lock is somebody else's."""
    return f'{_words(me)}\nread_lock\n[ "$id" = "$RUN" ] || {{ echo lost; exit 0; }}\nwrite_lock\n'


def release_script(me: Holder) -> str:
    """Gives the lock back, if it is ours and no command of ours still runs there (its connection was lost).

    Kept, it is as a dead controller's: nobody takes the host before the lease and that command have ended.
    """
    return f'{_words(me)}\nread_lock\n[ "$id" != "$RUN" ] || at_work || rm -f "$lock"\n'


def break_script() -> str:
    """Removes whosever lock it is, and prints it."""
    return "cat /var/lib/estate/run.lock 2>/dev/null; rm -f /var/lib/estate/run.lock\n"


def fence(run: str) -> str:
    """First lines of every command that changes something."""
    return (
        "exec 8>>/run/estate/busy && flock -s 8\n"
        f'[ "$(cut -f1 /var/lib/estate/run.lock 2>/dev/null)" = {shlex.quote(run)} ] ||'
        f' {{ echo "the lock was lost: somebody else may be deploying" >&2; exit {LOST}; }}\n'
    )


def interrupted(lines: Iterable[str]) -> Holder | None:
    """The run before this one, if it did not end."""
    for line in lines:
        kind, *fields = line.split("\t")
        if kind == "interrupted" and len(fields) == 4:
            return Holder(*fields)
    return None


def lock_fault(name: str, lines: Iterable[str], inventory: str) -> Fault | None:
    """Why the host could not be locked, and what to do."""
    remedy = f"wait for it; if it is dead, the lock ends by itself, or at once with `estate unlock {inventory} {name}`"
    for line in lines:
        kind, *fields = line.split("\t")
        if kind == "locked":
            _, who, since, purpose, rest = fields
            return Fault(f"{name}/lock", f"locked by {who} since {since} ({purpose}), for {rest} s more", remedy)
        if kind == "busy":
            return Fault(f"{name}/lock", f"{fields[3]} ({fields[1]} since {fields[2]})", remedy)
    return None


def was_taken(lines: Iterable[str]) -> bool:
    """Whether the lock is ours now."""
    return "taken" in lines
