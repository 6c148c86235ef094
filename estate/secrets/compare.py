"""Two sets of values side by side, without any value."""

from collections.abc import Mapping
from dataclasses import dataclass


def trimmed(value: str) -> str:
    """A value as the server keeps it: trimmed, one trailing line break preserved (facts/apis.md, 1.2)."""
    return value.strip() + ("\n" if value.endswith("\n") else "")


@dataclass(frozen=True, order=True)
class Difference:
    """A name whose value is not the same on both sides."""

    name: str
    state: str

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"


def compare(
    here: Mapping[str, str], there: Mapping[str, str], names: tuple[str, str] = ("the sealed copy", "Infisical")
) -> list[Difference]:
    """What differs, by name; values are compared as Infisical keeps them (trimmed).

    + names: what the two sides are called
    """
    found = []
    for name in sorted(here.keys() | there.keys()):
        if name not in there:
            found.append(Difference(name, f"only in {names[0]}"))
        elif name not in here:
            found.append(Difference(name, f"only in {names[1]}"))
        elif trimmed(here[name]) != trimmed(there[name]):
            found.append(Difference(name, "different values"))
    return found
