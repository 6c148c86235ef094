"""Shell scripts: files that lie in the package, headed by assignments of what they read."""

import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PATH = "LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"
"""For the head of a script: where commands are on Debian, and on NixOS."""


@cache
def shell(path: str) -> str:
    """The text of a script of the package: "operations/stack_up.sh"."""
    return (Path(__file__).parents[1] / path).read_text()


def variables(words: Mapping[str, str]) -> str:
    """Assignments for the head of a script, quoted."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items())
