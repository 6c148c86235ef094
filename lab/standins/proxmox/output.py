"""How results are printed: `--output-format json|json-pretty|yaml|text`."""

import json
from collections.abc import Sequence
from typing import Any

from lab.standins.proxmox.schema import BOOL, Param

FORMATS = ("json", "json-pretty", "text", "yaml")
OPTIONS = {
    "output-format": Param(enum=FORMATS),
    "human-readable": BOOL,
    "noborder": BOOL,
    "noheader": BOOL,
    "quiet": BOOL,
}


def text(result: Any, how: str = "text", border: bool = True, header: bool = True) -> str:
    """A result in a format; empty for no result as text."""
    if how == "json":
        return json.dumps(result, separators=(",", ":"), sort_keys=True)
    if how == "json-pretty":
        return json.dumps(result, indent=3, sort_keys=True)
    if how == "yaml":
        return "---\n" + _yaml(result)
    if result is None:
        return ""
    if isinstance(result, list):
        rows = [row if isinstance(row, dict) else {"value": row} for row in result]
        columns = sorted({key for row in rows for key in row})
        return table(columns, [[_cell(row.get(key)) for key in columns] for row in rows], border, header)
    if isinstance(result, dict):
        rows_of = [[key, _cell(value)] for key, value in sorted(result.items())]
        return table(["key", "value"], rows_of, border, header)
    return str(result)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), sort_keys=True) if isinstance(value, dict | list) else str(value)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], border: bool = True, header: bool = True) -> str:
    """A table with lines of box-drawing characters, as in a terminal with UTF-8; empty for no rows."""
    if not rows:
        return ""
    titles = [list(columns)] if header else []
    widths = [max(len(row[index]) for row in [*titles, *rows]) for index in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"│ {' │ '.join(padded)} │" if border else " ".join(padded).rstrip()

    def rule(left: str, middle: str, right: str, fill: str) -> str:
        return left + middle.join(fill * (width + 2) for width in widths) + right

    if not border:
        return "\n".join(line(row) for row in [*titles, *rows])
    between = "\n" + rule("├", "┼", "┤", "─") + "\n"
    head = [line(titles[0]), rule("╞", "╪", "╡", "═")] if header else []
    return "\n".join(
        [rule("┌", "┬", "┐", "─"), *head, between.join(line(row) for row in rows), rule("└", "┴", "┘", "─")]
    )


def _yaml(value: Any, depth: int = 0) -> str:
    pad = "  " * depth
    if isinstance(value, dict) and value:
        return "\n".join(f"{pad}{key}:{_nested(one, depth)}" for key, one in sorted(value.items()))
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}-{_nested(one, depth)}" for one in value)
    return f"{pad}{json.dumps(value)}"


def _nested(value: Any, depth: int) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + _yaml(value, depth + 1)
    return " " + json.dumps(value)
