"""One redactor for every output: it knows all loaded values, and old ones read back from hosts."""

from collections.abc import Iterable

MASK = "«masked»"
_SHORTEST = 6
"""Shorter values (a database name, a chat id) would mask half of every text."""


class Redactor:
    """Replaces every known secret value in a text."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def learn(self, values: Iterable[str]) -> None:
        """Remember values that must never be shown."""
        self._values |= {value for value in values if len(value) >= _SHORTEST}

    def __call__(self, text: str) -> str:
        """The text with every known value masked, the longest first."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text


redact = Redactor()
"""The process's redactor: loading secrets teaches it."""
