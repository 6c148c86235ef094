"""Other programs: argument lists only, with a limit of time; what they print is the answer or the fault."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any


class CommandError(Exception):
    """A program failed; the text says which and why."""


def output(argv: Sequence[str], timeout: float = 60) -> str:
    """What the program prints. Raises CommandError."""
    try:
        done = subprocess.run(
            list(argv), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise CommandError(f"{argv[0]}: {type(fault).__name__}") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise CommandError(f"{argv[0]} failed ({done.returncode}): {last[:300]}")
    return done.stdout


def document(argv: Sequence[str], timeout: float = 60) -> Any:
    """What the program prints, as JSON. Raises CommandError."""
    try:
        return json.loads(output(argv, timeout))
    except ValueError:
        raise CommandError(f"{argv[0]} did not print JSON") from None
