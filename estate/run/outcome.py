"""How a run ends: from what happened on its hosts to one exit code (pure)."""

from collections.abc import Iterable

from estate.exit_codes import ExitCode

_WORST = (
    ExitCode.INTERRUPTED,
    ExitCode.NOT_RETURNED,
    ExitCode.UNREACHABLE,
    ExitCode.LOCKED,
    ExitCode.RETURNED,
    ExitCode.REFUSED,
    ExitCode.FAILED,
)


def host_outcome(*, failed: bool, lost: bool, unlocked: bool, returned: bool) -> ExitCode:
    """Of one host.

    + failed: an operation failed
    + lost: its connection is gone
    + unlocked: it stopped because its lock was somebody else's
    + returned: every change that failed was taken back
    """
    if not failed:
        return ExitCode.DONE
    if returned:
        return ExitCode.RETURNED
    if lost:
        return ExitCode.UNREACHABLE
    return ExitCode.LOCKED if unlocked else ExitCode.NOT_RETURNED


def run_outcome(hosts: Iterable[ExitCode], *, interrupted: bool, finished: bool) -> ExitCode:
    """Of the run: that of the host with most left to do.

    + finished: every operation had its turn
    """
    found = set(hosts)
    if interrupted:
        found.add(ExitCode.INTERRUPTED)
    for code in _WORST:
        if code in found:
            return code
    return ExitCode.DONE if finished else ExitCode.FAILED


def word(code: ExitCode) -> str:
    """As records name it."""
    return code.name.lower()
