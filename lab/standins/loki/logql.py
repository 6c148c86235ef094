"""A subset of LogQL: stream selectors, line filters, and count/rate over a range, with sum by."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.standins.loki.config import ConfigError, seconds

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:.]*")
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`')
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
RANGE_FUNCTIONS = ("count_over_time", "rate", "bytes_over_time", "bytes_rate")


class LogQLError(ValueError):
    """The query is outside LogQL, or outside the subset."""


@dataclass(frozen=True)
class Match:
    """One matcher (`label=` its name) or one line filter (without a label)."""

    operator: str
    value: str
    label: str = ""

    def holds(self, text: str) -> bool:
        """Say whether a label value, or a line, passes."""
        if self.operator in ("=", "!="):
            if not self.label:
                return (self.value in text) is False
            return (text == self.value) is (self.operator == "=")
        if self.operator == "|=":
            return self.value in text
        found = re.fullmatch(self.value, text, re.S) if self.label else re.search(self.value, text)
        return (found is None) is self.operator.startswith("!")


@dataclass(frozen=True)
class Query:
    """A parsed query; `function` is empty for a log query."""

    matchers: tuple[Match, ...]
    filters: tuple[Match, ...] = ()
    function: str = ""
    window: float = 0.0
    total: bool = False
    by: tuple[str, ...] = field(default=())

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Say whether a stream is selected."""
        return all(test.holds(labels.get(test.label, "")) for test in self.matchers)

    def keeps(self, line: str) -> bool:
        """Say whether a line passes all filters."""
        return all(test.holds(line) for test in self.filters)

    def group(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Give the labels a metric sample keeps."""
        if not self.total:
            return dict(labels)
        return {name: labels[name] for name in self.by if name in labels}


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, expected: str) -> LogQLError:
        near = self.text[self.at : self.at + 12] or "end of query"
        return LogQLError(f"parse error at line 1, col {self.at + 1}: expected {expected}, got {near!r}")

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def take(self, *tokens: str) -> str:
        self.space()
        for token in tokens:
            if self.text.startswith(token, self.at):
                self.at += len(token)
                return token
        return ""

    def expect(self, *tokens: str) -> str:
        found = self.take(*tokens)
        if not found:
            raise self.fail(" or ".join(tokens))
        return found

    def pattern(self, expression: re.Pattern[str], expected: str) -> re.Match[str]:
        self.space()
        found = expression.match(self.text, self.at)
        if not found:
            raise self.fail(expected)
        self.at = found.end()
        return found

    def string(self) -> str:
        found = self.pattern(STRING, "a quoted string")
        if found[2] is not None:
            return found[2]
        return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[0]), found[1])


def _match(reader: _Reader, operator: str, label: str = "") -> Match:
    value = reader.string()
    if "~" in operator:
        try:
            re.compile(value)
        except re.error as fault:
            raise LogQLError(f"error parsing regexp: {fault}: `{value}`") from fault
    return Match(operator, value, label)


def _selector(reader: _Reader) -> tuple[Match, ...]:
    reader.expect("{")
    tests: list[Match] = []
    while not reader.take("}"):
        if tests:
            reader.expect(",")
            if reader.take("}"):
                break
        label = reader.pattern(NAME, "a label name")[0]
        tests.append(_match(reader, reader.expect("=~", "!~", "!=", "="), label))
    if not any(not test.holds("") for test in tests):
        raise LogQLError(
            "parse error : queries require at least one regexp or equality matcher that does not have an "
            "empty-compatible value"
        )
    return tuple(tests)


def _log_query(reader: _Reader) -> Query:
    matchers = _selector(reader)
    filters: list[Match] = []
    while operator := reader.take("|=", "|~", "!=", "!~"):
        filters.append(_match(reader, operator))
    return Query(matchers, tuple(filters))


def _range(reader: _Reader) -> Query:
    function = reader.expect(*RANGE_FUNCTIONS)
    reader.expect("(")
    inner = _log_query(reader)
    reader.expect("[")
    try:
        window = seconds(reader.pattern(re.compile(r"[0-9a-z.]+"), "a duration")[0])
    except ConfigError as fault:
        raise LogQLError(str(fault)) from fault
    reader.expect("]")
    reader.expect(")")
    return Query(inner.matchers, inner.filters, function, window)


def _by(reader: _Reader) -> tuple[str, ...]:
    names: list[str] = []
    if reader.take("by"):
        reader.expect("(")
        while not reader.take(")"):
            if names:
                reader.expect(",")
            names.append(reader.pattern(NAME, "a label name")[0])
    return tuple(names)


def _metric(reader: _Reader) -> Query:
    if not reader.take("sum"):
        return _range(reader)
    names = _by(reader)
    reader.expect("(")
    inner = _range(reader)
    reader.expect(")")
    return Query(inner.matchers, inner.filters, inner.function, inner.window, total=True, by=names or _by(reader))


def parse(text: str) -> Query:
    """Parse a query; raise LogQLError for anything outside the subset."""
    reader = _Reader(text)
    reader.space()
    read: Callable[[_Reader], Query] = _log_query if reader.text.startswith("{", reader.at) else _metric
    query = read(reader)
    reader.space()
    if reader.at != len(reader.text):
        raise reader.fail("the end of the query (this stand-in knows line filters, count_over_time and rate)")
    return query
