"""Faults that the lab expects, each with its remedy.

LabError
└── CommandError    an external command failed: command, status, standard error
"""

from collections.abc import Sequence


class LabError(Exception):
    """A fault with a remedy, shown to the operator without a traceback."""

    def __init__(self, fault: str, remedy: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.fault}; {self.remedy}" if self.remedy else self.fault


class CommandError(LabError):
    """An external command ended with a status other than zero."""

    def __init__(self, argv: Sequence[str], status: int, stdout: str, stderr: str, remedy: str = "") -> None:
        said = (stderr.strip() or stdout.strip() or "it printed nothing").splitlines()[-12:]
        super().__init__(f"`{' '.join(argv[:6])}` ended with status {status}: " + "\n  ".join(said), remedy)
        self.argv = tuple(argv)
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
