"""A run's record as one HTML page: readable without scripts, loads nothing, the same bytes for the same record."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from estate.render.templates import ROOT
from estate.run.record import HostRecord, OperationRecord, RunRecord

_LEFT, _RIGHT, _TOP, _ROW, _WIDTH = 176.0, 24.0, 30.0, 26.0, 1000.0
"""The timeline's measures, in its own units; the page scales it."""
_NARROWEST = 2.0
"""A bar's least width: an operation of a few milliseconds is still seen."""
_LONGEST_NAME = 20
_TICKS = 8

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that reverse the direction of reading, and halves of a character."""


@dataclass(frozen=True)
class Meaning:
    """What an outcome means to a reader: in words, what to do next, and its colour (good, change, warn, bad)."""

    word: str
    next: str
    tone: str


MEANINGS = {
    "done": Meaning("done", "Nothing to do: everything is as declared.", "good"),
    "changes": Meaning("changes pending", "Read the changes below; `estate deploy` makes them.", "change"),
    "refused": Meaning(
        "refused", "Nothing was changed on any host. Mend what is listed under Faults, then deploy again.", "warn"
    ),
    "returned": Meaning(
        "returned",
        "A change failed, and what it replaced is in force again. Read the output of the failed operation below, "
        "mend its cause, then deploy again.",
        "bad",
    ),
    "not_returned": Meaning(
        "not returned",
        "A change failed, and a host is somewhere between before and after. Read the output of the failed operation "
        "below, mend its cause, then deploy again: the next run goes on from there.",
        "bad",
    ),
    "unreachable": Meaning(
        "unreachable",
        "See whether the host is up and lets you log in (`estate ssh`), then deploy again: the next run goes on.",
        "bad",
    ),
    "locked": Meaning("locked", "Somebody else is deploying. Wait until that run ended, then deploy again.", "warn"),
    "failed": Meaning("failed", "Read the faults and failed operations below, mend their cause, run it again.", "bad"),
    "usage": Meaning("wrong usage", "Nothing ran. `estate --help` shows the commands.", "warn"),
    "interrupted": Meaning(
        "interrupted", "What was running was let finish. Deploy again: the next run goes on from there.", "bad"
    ),
}
"""By an ExitCode's name in lower case."""

_UNFINISHED = Meaning("unfinished", "The run did not record how it ended. Deploy again: the next run goes on.", "bad")


def meaning(outcome: str) -> Meaning:
    """What an outcome means; for one that is empty or unknown, that nobody knows how it ended."""
    if outcome in MEANINGS or not outcome:
        return MEANINGS.get(outcome, _UNFINISHED)
    return Meaning(outcome, "This version of Estate does not know that outcome.", "bad")


def printable(text: str) -> str:
    """The text without what would steer a terminal or confuse a browser; it may come from a program on a host."""
    return _UNSAFE.sub("\ufffd", _ANSI.sub("", text).replace("\r\n", "\n"))


def duration(seconds: float) -> str:
    """Seconds in words: "0.4 s", "12 s", "3 min 5 s", "1 h 2 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is in UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def diff_lines(diff: str) -> list[tuple[str, str]]:
    """Each line of a unified diff with its class: head, hunk, plus, minus or same."""
    lines: list[tuple[str, str]] = []
    inside = False
    for line in diff.rstrip("\n").split("\n"):
        if line.startswith("@@"):
            inside = True
            lines.append(("hunk", line))
        elif not inside and line.startswith(("--- ", "+++ ")):
            lines.append(("head", line))
        else:
            lines.append(({"+": "plus", "-": "minus"}.get(line[:1], "same"), line))
    return lines


@dataclass(frozen=True)
class Bar:
    """An operation in the timeline."""

    x: float
    width: float
    outcome: str
    title: str


@dataclass(frozen=True)
class Row:
    """A host in the timeline; y is the row's upper edge."""

    y: float
    name: str
    short: str
    tone: str
    word: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Timeline:
    """The timeline's geometry; ticks are a place and its label."""

    width: float
    height: float
    left: float
    top: float
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]


def tick_step(seconds: float) -> float:
    """The distance of the time axis' ticks, in seconds: 1, 2 or 5 times a power of ten, for at most eight of them."""
    least = max(seconds, 0.1) / _TICKS
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def _bar(operation: OperationRecord, scale: float) -> Bar:
    began = max(operation.began, 0.0)
    took = max(operation.ended - began, 0.0)
    title = f"{operation.task}: {operation.name}\n{operation.outcome}, at {began:.1f} s, took {duration(took)}"
    return Bar(round(_LEFT + began * scale, 1), round(max(took * scale, _NARROWEST), 1), operation.outcome, title)


def timeline(record: RunRecord) -> Timeline:
    """The geometry of the record's timeline: a row a host, a bar an operation, an axis in seconds."""
    ends = [operation.ended for host in record.hosts for operation in host.operations]
    total = max([record.seconds, 0.1, *ends])
    scale = (_WIDTH - _LEFT - _RIGHT) / total
    step = tick_step(total)
    count = math.floor(total / step + 0.001)
    ticks = tuple((round(_LEFT + i * step * scale, 1), f"{round(i * step, 3):g} s") for i in range(count + 1))
    rows = []
    for index, host in enumerate(record.hosts):
        short = host.name if len(host.name) <= _LONGEST_NAME else host.name[: _LONGEST_NAME - 1] + "…"
        sense = meaning(host.outcome)
        bars = tuple(_bar(operation, scale) for operation in host.operations)
        rows.append(Row(_TOP + index * _ROW, host.name, short, sense.tone, sense.word, bars))
    return Timeline(_WIDTH, _TOP + len(rows) * _ROW + 6, _LEFT, _TOP, ticks, tuple(rows))


def _change(change: dict[str, Any]) -> dict[str, Any]:
    """A change for the page; what a record of another version lacks stays empty."""
    why = change.get("why") or ()
    return {
        "words": " ".join(str(change[key]) for key in ("action", "kind", "name") if change.get(key)),
        "why": why if isinstance(why, str) else ", ".join(str(reason) for reason in why),
        "diff": diff_lines(str(change["diff"])) if change.get("diff") else [],
    }


def _operation(operation: OperationRecord) -> dict[str, Any]:
    return {
        "title": f"{operation.task}: {operation.name}" if operation.task else operation.name,
        "outcome": operation.outcome,
        "took": duration(max(operation.ended - operation.began, 0.0)),
        "at": f"{max(operation.began, 0.0):.1f} s",
        "changes": [_change(change) for change in operation.changes],
        "output": operation.output,
    }


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _is_quiet(operation: OperationRecord) -> bool:
    """Whether there is nothing to read about it."""
    return operation.outcome == "unchanged" and not operation.changes and not operation.output


def _host(host: HostRecord) -> dict[str, Any]:
    sense = meaning(host.outcome)
    quiet = [operation for operation in host.operations if _is_quiet(operation)]
    return {
        "name": host.name,
        "meaning": sense,
        "open": sense.tone == "bad",
        "error": host.error,
        "summary": f"{_counted(len(host.operations), 'operation')}, {_counted(host.changes, 'change')}",
        "loud": [_operation(operation) for operation in host.operations if not _is_quiet(operation)],
        "quiet": [_operation(operation) for operation in quiet],
        "quiet_summary": f"{_counted(len(quiet), 'operation')} with nothing to do",
    }


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    changes = sum(host.changes for host in record.hosts)
    facts = [
        ("Run", record.run),
        ("Began", f"{utc(record.began):%Y-%m-%d %H:%M:%S} UTC"),
        ("Took", duration(record.seconds)),
        ("By", record.who),
        ("Purpose", record.purpose),
        ("Commit", record.commit),
        ("Plan", record.plan),
        ("Hosts", f"{len(record.hosts)}, {_counted(changes, 'change')}"),
    ]
    return [(label, value or "unknown") for label, value in facts]


def _code_spans(text: str) -> Markup:
    """Our own sentences with `commands` as <code>; everything else is escaped."""
    parts = enumerate(printable(text).split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in parts)


def _cleaned(value: Any) -> Any:
    """What a template prints: text is made printable, markup that was made from such text stays as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    """The estate's templates write configuration files without escaping; a page escapes everything."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        finalize=_cleaned,
    )
    environment.filters["code"] = _code_spans
    return environment


def page(record: RunRecord) -> str:
    """The record as an HTML page: self-contained, everything escaped."""
    return (
        _environment()
        .get_template("report/run.html.j2")
        .render(
            record=record,
            meaning=meaning(record.outcome),
            facts=_facts(record),
            timeline=timeline(record),
            hosts=[_host(host) for host in record.hosts],
        )
    )
