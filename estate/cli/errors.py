"""Exit codes, and faults shown as text: no traceback for a user's mistake."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from estate.models.faults import EstateFaults

OK, CHANGES, FAILED = 0, 2, 1

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def readable_faults() -> Iterator[None]:
    """Print the faults and leave with exit code 1."""
    try:
        yield
    except EstateFaults as error:
        err.print(str(error), markup=False)
        raise typer.Exit(FAILED) from None
