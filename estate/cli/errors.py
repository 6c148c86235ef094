"""Exit codes, and faults shown as text: no traceback for a user's mistake."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from estate.exit_codes import ExitCode
from estate.models.faults import EstateFaults

OK, CHANGES, FAILED = ExitCode.DONE, ExitCode.CHANGES, ExitCode.FAILED

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def readable_faults(code: ExitCode = ExitCode.FAILED) -> Iterator[None]:
    """Print the faults and leave with an exit code."""
    try:
        yield
    except EstateFaults as error:
        err.print(str(error), markup=False)
        raise typer.Exit(code) from None
