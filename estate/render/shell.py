"""Shell scripts: files that lie in the package, headed by assignments of what they read."""

import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path


@cache
def shell(path: str) -> str:
    """The text of a script of the package: "operations/stack_up.sh"."""
    return (Path(__file__).parents[1] / path).read_text()


def variables(words: Mapping[str, str]) -> str:
    """Assignments for the head of a script, quoted."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items())
