"""Where the estate keeps things of its own in the operator's home (the XDG base directory specification)."""

import os
from pathlib import Path


def user_directory(variable: str, default: str) -> Path:
    """The estate's directory below `$variable`, or below `default` in the home; a relative value does not count.

    Raises RuntimeError for a user without a home directory.
    """
    given = Path(os.environ.get(variable, ""))
    return (given if given.is_absolute() else Path.home() / default) / "estate"
