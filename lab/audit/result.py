"""What a measurement found, and whether that is what is wanted."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One row of a host's table: what was measured, what it should be, and what spoils it."""

    name: str
    result: str
    wanted: str
    passed: bool
    details: tuple[str, ...] = ()


def none_of(name: str, found: Collection[str], wanted: str = "none") -> Check:
    """A check that passes when nothing was found."""
    return Check(name, str(len(found)) if found else "none", wanted, not found, tuple(sorted(found)))
