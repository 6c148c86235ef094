"""How the answers of the host's backup program look (pure): one page a command, made of its JSON."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from estate.models.backup import SAFETY

Document = Mapping[str, Any]
Page = Callable[[Document], RenderableType]
_GOOD, _BAD, _DOUBTFUL = "green", "red", "yellow"


def size(count: float | None) -> str:
    """A number of bytes in three digits: 12.3 MiB."""
    if count is None:
        return "-"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def seconds(count: float | None) -> str:
    """A duration: 42 s, 12.5 min, 3.2 h, 5.0 d."""
    if count is None:
        return "-"
    for limit, unit, factor in ((120, "s", 1), (7200, "min", 60), (172800, "h", 3600)):
        if count < limit:
            return f"{count:.0f} s" if factor == 1 else f"{count / factor:.1f} {unit}"
    return f"{count / 86400:.1f} d"


def moment(value: Any) -> str:
    """A time, of seconds since 1970 or of ISO 8601, in UTC."""
    if isinstance(value, int | float) and value:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}"
    return str(value or "-").replace("T", " ")[:16]


def word(ok: Any, good: str = "ok", bad: str = "failed") -> Text:
    """A verdict in its colour."""
    return Text(good, _GOOD) if ok else Text(bad, _BAD)


def _list(value: Any) -> list[str]:
    """Lines of whatever says what is wrong."""
    if isinstance(value, Mapping):
        return [f"{name}: {text}" for name, text in value.items()]
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return [str(value)] if value else []


def _faults(lines: list[str], head: str = "") -> list[RenderableType]:
    return [Text(f"{head}{line}", _BAD) for line in lines]


def newest(document: Document) -> str:
    """The id of the newest complete set that nothing is wrong with; of all, when something is wrong with each.

    What a restore put away is none of them.
    """
    whole = [row for row in document.get("sets") or () if row.get("complete", True) and row.get("kind") != SAFETY]
    sound = [row for row in whole if not row.get("failed") and (row.get("accepted") or not row.get("suspect"))]
    # By sequence and not by time: clocks jump
    best = max(sound or whole, key=lambda row: (row.get("sequence") or 0, str(row.get("id"))), default=None)
    return str(best["id"]) if best else ""


def _state(row: Document) -> Text:
    if not row.get("complete", True):
        return Text(str(row.get("fault") or "incomplete"), _BAD)
    if row.get("failed"):
        return Text(f"lacks {', '.join(row['failed'])}", _BAD)
    if row.get("suspect") and not row.get("accepted"):
        return Text("suspect: it shrank", _DOUBTFUL)
    return Text("complete", _GOOD)


def sets(document: Document) -> RenderableType:
    """`estate backup list`."""
    table = Table("store", "kind", "set", "no.", "size", "state", "proven")
    # By sequence and not by time: clocks jump
    for row in sorted(document.get("sets") or (), key=lambda row: (row["store"], -(row.get("sequence") or 0))):
        words = (row["store"], row["kind"], row["id"], str(row.get("sequence") or "-"), size(row.get("size")))
        table.add_row(*words, _state(row), Text("yes", _GOOD) if row.get("proven") else Text("-"))
    return Group(table, *_faults(_list(document.get("faults"))))


def one_set(document: Document) -> RenderableType:
    """`estate backup show`: the manifest."""
    made = document["manifest"]
    head = Table(show_header=False)
    for name in ("id", "kind", "host", "sequence", "started", "finished", "commit", "previous"):
        head.add_row(name, str(made.get(name) or "-"))
    files: Document = made.get("files") or {}
    head.add_row("size", size(sum(file.get("size", 0) for file in files.values())))
    head.add_row("objects", str(len(made.get("objects") or ())))
    table = Table("service", "file", "size", "keys", "image")
    for name, kept in (made.get("services") or {}).items():
        for number, file in enumerate(kept.get("files") or ("-",)):
            first = number == 0
            keys = ", ".join(kept.get("keys") or ()) if first else ""
            what = size((files.get(file) or {}).get("size"))
            table.add_row(name if first else "", file, what, keys, str(kept.get("image", "")) if first else "")
    wrong = [*_list(made.get("failed")), *_list(made.get("suspect"))]
    return Group(head, table, *_faults(wrong))


def run(document: Document) -> RenderableType:
    """`estate backup run`."""
    table = Table("store", "result", "sent", "time", "pruned")
    for name, store in (document.get("stores") or {}).items():
        pruned = ", ".join(store.get("pruned") or ()) or store.get("kept_all") or "-"
        result = word(store.get("ok"), bad=str(store.get("why") or "failed"))
        table.add_row(name, result, size(store.get("bytes")), seconds(store.get("seconds")), pruned)
    name = document.get("id") or "no set"
    took = seconds(document.get("seconds"))
    head = Text.assemble(word(document.get("ok")), f" {document.get('kind', '')} {name} in {took}")
    wrong = [*_list(document.get("why")), *_list(document.get("failed")), *_list(document.get("suspect"))]
    warnings = [Text(line, _DOUBTFUL) for line in _list(document.get("warnings"))]
    return Group(head, table, *_faults(wrong), *warnings)


def checked(document: Document) -> RenderableType:
    """`estate backup check`."""
    table = Table("store", "result", "sets", "files", "objects", "read", "time")
    faults: list[str] = []
    unfinished: list[RenderableType] = []
    for entry in document["stores"]:
        counts = [str(entry.get(name, "-")) for name in ("sets", "files", "objects")]
        read = size(entry.get("bytes")) if entry.get("read_data") else "sizes and hashes"
        table.add_row(str(entry.get("store")), word(entry.get("ok")), *counts, read, seconds(entry.get("seconds")))
        faults += _list(entry.get("faults"))
        unfinished += _unfinished(str(entry.get("store")), entry.get("incomplete"))
    return Group(table, *_faults(faults), *unfinished)


def _unfinished(store: str, names: Any) -> list[RenderableType]:
    """Uploads that did not end: no fault, but one that is dated ahead keeps its store from being pruned."""
    return [
        Text(f"{store}: the upload of {name} did not end; `estate-backup prune --incomplete {name}` there", _DOUBTFUL)
        for name in _list(names)
    ]


def _evidence(document: Document) -> Table:
    table = Table("service", "result", "time", "proof")
    for entry in document.get("services") or ():
        if isinstance(entry, str):  # of a restore that was given up: those that stay restored
            table.add_row(entry, word(ok=True), "-", "")
            continue
        proof = "\n".join(_list(entry.get("proof"))) if entry.get("ok") else str(entry.get("why"))
        table.add_row(str(entry.get("service")), word(entry.get("ok")), seconds(entry.get("seconds")), Text(proof))
    return table


def drilled(document: Document) -> RenderableType:
    """`estate backup drill`."""
    said = f" {document['set']} from {document.get('store') or '-'}: "
    figures = f"RTO {seconds(document.get('rto_seconds'))}, RPO {seconds(document.get('rpo_seconds'))}"
    head = Text.assemble(word(document.get("ok"), "proven", "NOT PROVEN"), said, figures)
    notes = [Text(line, _DOUBTFUL) for line in _list(document.get("notes"))]
    return Group(head, _evidence(document), *notes, *_faults(_list(document.get("why"))))


def restored(document: Document) -> RenderableType:
    """`estate backup restore`."""
    name = document.get("set")
    if not name:  # there was nothing to give up
        return plain(document)
    verdict, took = word(document.get("ok", True), "restored", "NOT RESTORED"), seconds(document.get("seconds"))
    head = Text.assemble(verdict, f" {name} in {took}")
    safety = document.get("safety")
    kept = [Text(f"what was there before is in the set {safety}")] if safety else []
    notes = [Text(line, _DOUBTFUL) for line in _list(document.get("notes"))]
    wrong = _faults(_list(document.get("why")))
    return Group(head, _evidence(document), *kept, *notes, *wrong)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {_cell(one)}" for key, one in value.items() if one not in (None, "", [], {}))
    if isinstance(value, list | tuple):
        return "\n".join(_cell(one) for one in value) or "-"
    return str(value if value not in (None, "") else "-")


def plain(document: Document) -> RenderableType:
    """Whatever else was said, a line a key."""
    table = Table(show_header=False)
    for name, value in document.items():
        table.add_row(name.replace("_", " "), Text(_cell(value)))
    return table


def _runs(document: Document) -> Table:
    table = Table("kind", "last run", "result", "set", "size", "time", "stores")
    for kind, entry in (document.get("runs") or {}).items():
        stores = Text(", ").join(Text(name, _GOOD if ok else _BAD) for name, ok in (entry.get("stores") or {}).items())
        result = word(entry.get("ok"))
        if wrong := [*(entry.get("failed") or ()), *_list(entry.get("suspect"))]:
            result = Text("\n".join(wrong), _BAD)
        figures = (size(entry.get("bytes")), seconds(entry.get("seconds")))
        table.add_row(kind, moment(entry.get("started")), result, str(entry.get("id") or "-"), *figures, stores)
    return table


def _checks(document: Document) -> Table:
    table = Table("store", "checked", "result", "sets", "read")
    for name, entry in (document.get("checks") or {}).items():
        result = Text("\n".join(_list(entry.get("faults"))), _BAD) if entry.get("faults") else word(entry.get("ok"))
        read = size(entry.get("bytes")) if entry.get("read_data") else "sizes and hashes"
        table.add_row(str(name), moment(entry.get("at")), result, str(entry.get("sets", "-")), read)
    return table


def _drills(document: Document) -> Table:
    table = Table("drill of", "ended", "result", "from", "RTO")
    for name, entry in (document.get("drills") or {}).items():
        result = word(entry.get("ok"), "proven", str(entry.get("why") or "NOT PROVEN"))
        figures = (str(entry.get("store", "-")), seconds(entry.get("rto_seconds")))
        table.add_row(str(name), moment(entry.get("at")), result, *figures)
    return table


def status(document: Document) -> RenderableType:
    """`estate backup status`."""
    newest_set, proven = document.get("newest") or "none", document.get("newest_proven")
    head = Text.assemble(f"{document.get('host')}: newest set {newest_set}, ", word(proven, "proven", "not proven yet"))
    waiting = [f"suspect, waits for `estate backup accept`: {name}" for name in document.get("suspect") or ()]
    if document.get("restoring"):
        waiting.append(
            "a restore was interrupted: the same command goes on with it, `estate backup abandon` gives it up"
        )
    known: Document = document.get("incomplete") or {}
    unfinished = [line for name, sets in known.items() for line in _unfinished(str(name), sets)]
    # as they were at each store's last check and last run
    kept: Document = document.get("not_pruned") or {}
    kept_lines = [Text(f"{name}: not pruned: {why}", _DOUBTFUL) for name, why in kept.items()]
    tables = (_runs(document), _checks(document), _drills(document))
    return Group(head, *tables, *_faults(waiting), *unfinished, *kept_lines)
