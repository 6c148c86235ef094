"""What the operator sees: a line a step, with a spinner on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

Say = Callable[[str], None]


@dataclass
class Step:
    """One step under way; `note` replaces what stands after its title."""

    title: str
    report: Say
    outcome: str = "done"
    started: float = field(default_factory=time.monotonic)

    def note(self, text: str) -> None:
        """Tell what the step is doing right now."""
        self.report(text)

    def skip(self, why: str) -> None:
        """Say that there was nothing to do."""
        self.outcome = why

    done = skip


class Progress:
    """Prints steps; plain lines when the output is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step from its start to its end, with its outcome and seconds."""
        if self.console.is_terminal:
            with self.console.status(title) as status:
                step = Step(title, lambda text: status.update(f"{title}: {text}"))
                yield step
        else:
            self.console.print(f"… {title}")
            step = Step(title, lambda text: self.console.print(f"    {text}", markup=False))
            yield step
        seconds = time.monotonic() - step.started
        self.console.print(f"✓ {title}: {step.outcome} ({seconds:.1f} s)", markup=False)
