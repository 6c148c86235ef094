"""What the estate's commands end with; docs/operations.md says what to do about each."""

from enum import IntEnum


class ExitCode(IntEnum):
    """One number a way of ending. Codes of plan, deploy and apply; any other command ends with DONE or FAILED.

    `estate backup` ends with DONE, FAILED, UNREACHABLE, LOCKED (another backup, or a deploy, is at work) or USAGE.
    """

    DONE = 0
    """Everything is as declared."""
    FAILED = 1
    """Something failed that none of the others names."""
    CHANGES = 2
    """A plan has changes pending."""
    REFUSED = 3
    """A check said no before anything was changed on any host."""
    RETURNED = 4
    """A change failed, and what it replaced is in force again."""
    NOT_RETURNED = 5
    """A change failed, and the host is somewhere between before and after: the next run goes on from there."""
    UNREACHABLE = 6
    """A host could not be reached, or was lost on the way."""
    LOCKED = 7
    """Somebody else is deploying to a host."""
    USAGE = 64
    """The command line is wrong (EX_USAGE of sysexits.h; click's own 2 would read as changes pending)."""
    INTERRUPTED = 130
    """Stopped by a signal; what was running was let finish, and the next run goes on."""
