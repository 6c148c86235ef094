"""The measurements for a reader: on the terminal, and as the generated section of docs/performance.md (pure)."""

import re
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from lab.bench.measure import Row
from lab.errors import LabError


def markers(name: str) -> tuple[str, str]:
    """What stands before and behind a generated section."""
    return f"<!-- {name}:start -->", f"<!-- {name}:end -->"


START, END = markers("bench")


def machine(cores: int, meminfo: str) -> str:
    """The machine in a few words, from the number of its cores and /proc/meminfo."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    memory = f"{int(found[1]) / 1024**2:.0f} GiB of memory" if found else "unknown memory"
    return f"{cores} cores, {memory}, shared by the controller and all hosts"


def header(rtts: Sequence[int]) -> list[str]:
    """The table's columns."""
    times = [f"seconds, {rtt} ms" for rtt in rtts]
    return ["run", "hosts", "remote commands, mainframe", "others, each", *times]


def cells(row: Row, rtts: Sequence[int]) -> list[str]:
    """One row's cells."""
    times = [row.median(rtt) for rtt in rtts]
    others = str(row.on_others) if row.on_others else "-"
    return [
        row.title,
        row.scope,
        str(row.on_mainframe),
        others,
        *("-" if time is None else f"{time:.1f}" for time in times),
    ]


def table(rows: Sequence[Row], rtts: Sequence[int]) -> Table:
    """For the terminal."""
    result = Table(*header(rtts))
    for row in rows:
        result.add_row(*cells(row, rtts))
    return result


def markdown(rows: Sequence[Row], rtts: Sequence[int], runs: int, command: str, where: str) -> str:
    """For docs/performance.md, between the markers."""
    head = header(rtts)
    lines = [
        f"Made by `{command}` on a machine with {where}.",
        f"Seconds are wall time, the median of {runs} for no-op runs of pyinfra; cold and Ansible ran once.",
        "",
        "| " + " | ".join(head) + " |",
        "| " + " | ".join(["---"] * len(head)) + " |",
        *("| " + " | ".join(cells(row, rtts)) + " |" for row in rows),
    ]
    return "\n".join(lines)


def replace_section(text: str, section: str, name: str = "bench") -> str:
    """The document with its generated section replaced. Raises LabError when it has no markers."""
    first, last = markers(name)
    before, start, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (start and end):
        raise LabError(f"the file has no {first} … {last}", "put both markers where the table belongs")
    return f"{before}{first}\n{section}\n{last}{after}"


def write_section(file: Path, section: str, name: str = "bench") -> None:
    """Replace the generated section of a file."""
    file.write_text(replace_section(file.read_text(), section, name))
