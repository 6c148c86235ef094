"""Faults: everything that is wrong with the estate, in one message (path, fault, remedy)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: where, what, and what to do about it."""

    path: str
    fault: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.fault}" + (f"; {self.remedy}" if self.remedy else "")


class EstateFaults(Exception):  # noqa: N818 - it carries many faults
    """All faults of a check at once.

    + aftermath: what that means for the hosts; a check comes before any change
    """

    def __init__(self, faults: Iterable[Fault], aftermath: str = ", nothing was changed") -> None:
        self.faults = sorted(set(faults))
        self.aftermath = aftermath
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.faults)
        head = f"{count} fault{'s' if count != 1 else ''} found{self.aftermath}:"
        return "\n".join([head, *(f"  {fault}" for fault in self.faults)])


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A remedy that names the closest known word, or lists all of them."""
    choices = sorted(known)
    close = get_close_matches(wrong, choices, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"choose one of {', '.join(choices)}"


def faults_of(error: ValidationError, prefix: str, known_keys: Sequence[str] = ()) -> list[Fault]:
    """Faults of a pydantic error, their paths below `prefix`."""
    faults = []
    for item in error.errors():
        # pydantic names the chosen member of a union in the path; a reader looks for keys only
        parts = [str(part) for part in item["loc"] if not str(part).startswith(("function-", "tagged"))]
        path = "/".join([prefix, *parts])
        message = str(item["msg"]).removeprefix("Value error, ")
        remedy = ""
        if item["type"] == "extra_forbidden":
            message = "unknown key"
            remedy = did_you_mean(parts[-1], known_keys) if len(parts) == 1 and known_keys else "remove it"
        elif item["type"] == "missing":
            message, remedy = "missing", "add it"
        elif item["type"] not in ("value_error",):
            remedy = f"it is {item['input']!r}" if _is_harmless(item["input"]) else ""
        faults.append(Fault(path, message[:1].lower() + message[1:], remedy))
    return faults


def _is_harmless(value: object) -> bool:
    """Only short plain values are repeated in a message; anything else could carry a secret."""
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= 80)
