"""The fleet's measurements for a reader: two tables for docs/performance.md (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Row:
    """One distance: the seconds of each run."""

    distance: int | str
    commands: int = 0
    estate: list[float] = field(default_factory=list)
    script: list[float] = field(default_factory=list)
    ansible: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times the script's time the deploy takes."""
        return median(self.estate) / median(self.script)


@dataclass(frozen=True)
class Size:
    """So many hosts at one distance."""

    hosts: int
    row: Row


def _seconds(times: Sequence[float]) -> str:
    return f"{median(times):.1f}" if times else "-"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]


def _named(distance: int | str) -> str:
    return "each city's own" if distance == "cities" else f"{distance} ms"


def markdown(title: str, where: str, rows: Sequence[Row], sizes: Sequence[Size], runs: int) -> str:
    """Both tables, each with a line about where it was measured."""
    fleet = [
        [
            _named(row.distance),
            str(row.commands),
            *(_seconds(times) for times in (row.estate, row.script)),
            f"{row.ratio:.2f}",
            _seconds(row.ansible),
        ]
        for row in rows
    ]
    head = ["round trip", "remote commands, each", "`deploy.py`, s", "asyncssh script, s", "ratio", "Ansible, s"]
    lines = [
        f"No-op deploys of {title}, on {where}; the median of {runs}, Ansible once; all connections are cold.",
        "",
        *_table(head, fleet),
    ]
    if sizes:
        cost = [
            [str(s.hosts), _seconds(s.row.estate), _seconds(s.row.script), f"{s.row.ratio:.2f}", str(s.row.commands)]
            for s in sizes
        ]
        lines += [
            "",
            f"More hosts, at {_named(sizes[0].row.distance)}: OpenSSH servers in a network namespace, 8 files each.",
            "",
            *_table(["hosts", "`deploy.py`, s", "asyncssh script, s", "ratio", "remote commands, each"], cost),
        ]
    return "\n".join(lines)
