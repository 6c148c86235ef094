"""Alloy's configuration language: blocks, attributes, literals and references."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<raw>`[^`]*`)
    |(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[{}\[\]()=,.])""",
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"'}
WORDS = {"true": True, "false": False, "null": None}


class RiverError(ValueError):
    """A fault in the configuration, with its line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"{line}: {message}")
        self.line = line


@dataclass(frozen=True)
class Token:
    """One token."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Reference:
    """A reference to what another component exports."""

    path: str
    line: int


@dataclass
class Block:
    """A block: its name with dots, its label, its attributes and inner blocks."""

    name: str
    label: str
    line: int
    attributes: dict[str, Any] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)


def tokens(text: str) -> list[Token]:
    """Split the text; comments and white space are dropped."""
    found: list[Token] = []
    at, line = 0, 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise RiverError(line, f"illegal character {text[at]!r}")
        kind = str(match.lastgroup)
        if kind not in ("space", "comment"):
            found.append(Token(kind, match[0], line))
        line += match[0].count("\n")
        at = match.end()
    return [*found, Token("end", "end of file", line)]


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens, self._at = tokens(text), 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def take(self, *texts: str) -> Token | None:
        if self.next.kind == "mark" and self.next.text in texts:
            self._at += 1
            return self._tokens[self._at - 1]
        return None

    def expect(self, what: str, kind: str = "mark") -> Token:
        token = self.next
        if token.kind != kind or (kind == "mark" and token.text != what):
            raise RiverError(token.line, f"expected {what}, got {token.text}")
        self._at += 1
        return token

    def path(self) -> tuple[str, int]:
        first = self.expect("a name", "name")
        parts = [first.text]
        while self.take("."):
            parts.append(self.expect("a name", "name").text)
        return ".".join(parts), first.line

    def body(self, into: Block, end: str) -> None:
        while not (self.next.text == end and self.next.kind in ("mark", "end")):
            name, line = self.path()
            if self.take("="):
                if name in into.attributes:
                    raise RiverError(line, f'attribute "{name}" was already provided')
                into.attributes[name] = self.value()
                continue
            label = ""
            if self.next.kind == "string":
                label = _string(self.expect("a label", "string").text)
            inner = Block(name, label, line)
            self.expect("{")
            self.body(inner, "}")
            self.expect("}")
            into.blocks.append(inner)

    def value(self) -> Any:
        token = self.next
        if token.kind in ("string", "raw", "number"):
            self._at += 1
            if token.kind == "number":
                return float(token.text) if "." in token.text else int(token.text)
            return _string(token.text)
        if self.take("["):
            return self.items("]")
        if self.take("{"):
            return self.members()
        if token.kind == "name":
            return self.named()
        raise RiverError(token.line, f"expected an expression, got {token.text}")

    def items(self, end: str) -> list[Any]:
        values: list[Any] = []
        while not self.take(end):
            values.append(self.value())
            if not self.take(","):
                self.expect(end)
                break
        return values

    def members(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not self.take("}"):
            key = self.next
            if key.kind not in ("string", "name"):
                raise RiverError(key.line, f"expected a key, got {key.text}")
            self._at += 1
            self.expect("=")
            values[_string(key.text) if key.kind == "string" else key.text] = self.value()
            if not self.take(","):
                self.expect("}")
                break
        return values

    def named(self) -> Any:
        path, line = self.path()
        if path in WORDS:
            return WORDS[path]
        if not self.take("("):
            return Reference(path, line)
        arguments = self.items(")")
        if path not in ("sys.env", "env") or len(arguments) != 1:
            raise RiverError(line, f"function {path} is not known to this stand-in")
        return os.environ.get(str(arguments[0]), "")


def _string(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[0]), text[1:-1])


def parse(text: str) -> Block:
    """Parse a configuration into a nameless block."""
    root = Block("", "", 1)
    _Parser(text).body(root, "end of file")
    if root.attributes:
        raise RiverError(1, f'unrecognized attribute name "{next(iter(root.attributes))}" at the top')
    return root
