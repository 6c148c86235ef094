"""How `estate edge status` looks: a table of 120 columns, and below it what is to be said of single nodes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from estate.edge.status import counts
from estate.edge.status_remarks import BEHIND_HUB
from estate.edge.status_row import CLOCK, SILENT, Row, State
from estate.models.edge import Mesh
from estate.run.report import printable

if TYPE_CHECKING:
    from estate.rollout.status import View

_STATES: dict[State, str] = {
    "current": "green",
    "behind": "yellow",
    "rolled back": "magenta",
    "installing": "cyan",
    "away": "red",
}
_COLUMNS = ("node", "state", "gen", "release", "health", "cert", "db", "disk", "push", "wg", "backup", "check", "gc")
_NUMBERS = {"gen", "cert", "disk", "push", "wg", "backup", "check", "gc", "clock"}
_LONGEST = 300
_MANY = 3
"""So many nodes are no longer named one by one."""


def age(seconds: float | None) -> str:
    """An age in one unit: 42s, 12m, 7h, 3d."""
    if seconds is None:
        return "-"
    for limit, size, unit in ((100, 1, "s"), (100 * 60, 60, "m"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86400:.0f}d"


def page(estate: str, mesh: Mesh, seen: "View", hint: str = "") -> RenderableType:
    """The whole picture."""
    parts: list[RenderableType] = [_head(estate, mesh, seen, hint), *_hub(mesh, seen), _table(mesh, seen.rows)]
    said = _said(seen.rows)
    parts += [Padding(said, (1, 0, 0, 1))] if said.row_count else []
    return Group(*parts, _tally(seen))


def _text(words: str, style: str = "") -> Text:
    """A text from a node: it neither styles nor steers the terminal."""
    return Text(printable(words)[:_LONGEST], style)


def _head(estate: str, mesh: Mesh, seen: "View", hint: str) -> Text:
    moment = datetime.fromtimestamp(seen.at, UTC)
    text = Text.assemble((f" {estate}", "bold"))
    text.append(f"  {len(mesh.nodes)} nodes, release {mesh.release.version} ({mesh.release.sha256[:8]})")
    text.append(f"  {moment:%Y-%m-%d %H:%M:%S} UTC", "dim")
    return text.append(f"  {hint}\n" if hint else "\n", "dim")


def _hub(mesh: Mesh, seen: "View") -> list[Text]:
    lines = []
    if seen.hub_away:
        text = f" {mesh.hub.name}, the hub, is away ({seen.hub_away}). No spoke can be asked, none can be changed;"
        lines.append(_text(f"{text} they go on serving.", "bold red"))
    if seen.silence:
        text = f" The push bridge does not answer ({seen.silence}): telemetry and backups are not known."
        lines.append(_text(text, "red"))
    return lines


def _table(mesh: Mesh, rows: Iterable[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, pad_edge=True)
    for name in (*_COLUMNS, "clock"):
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(mesh, row))
    return table


def _cells(mesh: Mesh, row: Row) -> list[Text]:
    limits = mesh.telemetry
    last = "dim" if row.remembered else ""
    cert = "red" if row.cert_days is not None and row.cert_days < limits.cert_days else last
    disk = "red" if row.disk is not None and row.disk > limits.disk_percent else last
    push = "red" if row.push_age is not None and row.push_age > limits.sev2_after else ""
    return [
        Text(row.name, "bold" if row.role == "hub" else ""),
        Text(row.state, _STATES[row.state]),
        _text("-" if row.generation is None else str(row.generation), last),
        _text(row.version or row.release[:8] or "-", last),
        _text(*_health(row)),
        _text("-" if row.cert_days is None else f"{row.cert_days:.0f}d", cert),
        _text(*_database(row, last)),
        _text("-" if row.disk is None else f"{row.disk:.0f}%", disk),
        _text(age(row.push_age), push),
        _text(*_tunnel(row)),
        _text(age(row.backup_age)),
        _text(age(row.check_age)),
        _text(age(row.gc_age)),
        _text(*_clock(row.clock)),
    ]


def _tunnel(row: Row) -> tuple[str, str]:
    if row.role == "hub":
        return "hub", "dim"
    return age(row.handshake_age), "red" if (row.handshake_age or 0) > SILENT else ""


def _health(row: Row) -> tuple[str, str]:
    if not row.health:
        return "-", "dim"
    if row.health == "200":
        return "serves" if row.remembered else "ok", "green"
    return row.health if row.health.isdecimal() and row.health != "000" else "none", "red"


def _database(row: Row, last: str) -> tuple[str, str]:
    if not row.database:
        return "-", "dim"
    return ("ok", last or "green") if row.database == "ok" else ("ill", "red")


def _clock(off: float | None) -> tuple[str, str]:
    if off is None:
        return "-", "dim"
    return ("ok", "green") if abs(off) < 1 else (f"{off:+.0f}s", "red" if abs(off) > CLOCK else "yellow")


def _lines(row: Row) -> tuple[tuple[str, str], ...]:
    """What there is to say of a node, each with its style."""
    # That is said above the table already
    notes = [text for text in row.notes if text != BEHIND_HUB]
    # The first one says why it is in its state
    style = "dim" if row.state == "current" else _STATES[row.state]
    return tuple(
        [(text, "red") for text in row.ill] + [(text, "dim" if at else style) for at, text in enumerate(notes)]
    )


def _said(rows: Iterable[Row]) -> Table:
    """What is wrong, and what is worth knowing; once, when it is the same of many nodes."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for row in rows:
        groups.setdefault(_lines(row), []).append(row.name)
    for lines, names in groups.items():
        title = ", ".join(names) if len(names) < _MANY else f"{len(names)} nodes"
        for number, (text, style) in enumerate(lines):
            table.add_row("" if number else title, _text(text, style))
    return table


def _tally(seen: "View") -> Text:
    parts = [f"{number} {state}" for state, number in counts(seen.rows).items()]
    ill = sum(bool(row.ill) for row in seen.rows)
    text = Text(f"\n {', '.join(parts)}; ")
    if ill:
        return text.append(f"{ill} ill", "red")
    return text.append("none is known to be ill", "green")
