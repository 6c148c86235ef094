"""What the tools refuse, with the texts and exit codes of the real ones.

PveError            a `die` of the real tool: its text on standard error, status 255
├── ParamError      "400 Parameter verification failed.", a line a parameter, then the usage
└── UsageError      an argument that the command does not know, then the usage
"""

from collections.abc import Mapping

FAILED = 255
NOT_THERE = 2
"""Perl's `die` ends with errno: ENOENT for a configuration that is not there."""


class PveError(Exception):
    """A fault as the real tool tells it."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class ParamError(PveError):
    """Parameters that do not fit the method's schema."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        lines = [f"{name}: {fault}" for name, fault in sorted(errors.items())]
        super().__init__("\n".join(["400 Parameter verification failed.", *lines]))
        self.errors = dict(errors)


class UsageError(PveError):
    """Arguments that cannot be read at all."""

    def __init__(self, message: str, first: str = "") -> None:
        super().__init__("\n".join(line for line in (first, f"400 {message}") if line))
