"""Parameters of a method, and how arguments of a command line become their values.

Getopt::Long's ways as Proxmox uses them: `--key value`, `--key=value` and `-key value`; a boolean may stand alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lab.standins.proxmox.errors import ParamError, PveError, UsageError

Kind = Literal["string", "integer", "number", "boolean"]
Values = dict[str, Any]
_TRUE = {"1", "on", "yes", "true"}
_FALSE = {"0", "off", "no", "false"}


@dataclass(frozen=True)
class Param:
    """One parameter: its type, its bounds, whether it may be left out."""

    kind: Kind = "string"
    optional: bool = True
    enum: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    check: Callable[[str], Any] | None = None
    """A format: raises ValueError or PveError for what is not of it."""

    def value(self, text: str) -> Any:
        """The value that a text stands for. Raises ValueError with the real tool's words."""
        if self.kind == "boolean":
            if text.lower() in _TRUE | _FALSE:
                return 1 if text.lower() in _TRUE else 0
            raise ValueError(f"type check ('boolean') failed - got '{text}'")
        if self.kind in {"integer", "number"}:
            return self._number(text)
        if self.enum and text not in self.enum:
            raise ValueError(f"value '{text}' does not have a value in the enumeration '{', '.join(self.enum)}'")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ValueError("value does not match the regex pattern")
        if self.check:
            try:
                self.check(text)
            except (ValueError, PveError) as fault:
                raise ValueError(f"invalid format - {fault}") from fault
        return text

    def _number(self, text: str) -> int | float:
        try:
            number = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            raise ValueError(f"type check ('{self.kind}') failed - got '{text}'") from None
        if self.minimum is not None and number < self.minimum:
            raise ValueError(f"value must have a minimum value of {self.minimum:g}")
        if self.maximum is not None and number > self.maximum:
            raise ValueError(f"value must have a maximum value of {self.maximum:g}")
        return int(number) if number == int(number) else number


TEXT = Param()
BOOL = Param("boolean")
INT = Param("integer")
COUNT = Param("integer", minimum=0)


def need(param: Param) -> Param:
    """The same parameter, which may not be left out."""
    return Param(param.kind, False, param.enum, param.pattern, param.minimum, param.maximum, param.check)


def indexed(prefix: str, last: int, param: Param) -> dict[str, Param]:
    """Parameters that are numbered: net0, net1, …"""
    return {f"{prefix}{number}": param for number in range(last + 1)}


def read(argv: Sequence[str], params: Mapping[str, Param], positional: Sequence[str] = ()) -> dict[str, str]:
    """Sort a command's arguments into parameters by name. Raises UsageError for what it does not know."""
    found: dict[str, str] = {}
    left: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word in {"-", "--"}:
            left.append(word)
            continue
        name, equals, text = word.lstrip("-").partition("=")
        if name not in params or name in positional:
            raise UsageError("unable to parse option", f"Unknown option: {name}")
        if not equals:
            alone = params[name].kind == "boolean" and (not words or words[0].startswith("-"))
            if not alone and not words:
                raise UsageError("unable to parse option", f"Option {name} requires an argument")
            text = "1" if alone else words.pop(0)
        found[name] = text
    for name in positional:
        if left:
            found[name] = left.pop(0)
        elif not params[name].optional:
            raise UsageError("not enough arguments")
    if left:
        raise UsageError("too many arguments")
    return found


def verify(texts: Mapping[str, str], params: Mapping[str, Param]) -> Values:
    """The values of parameters. Raises ParamError with all faults at once."""
    errors: dict[str, str] = {}
    values: Values = {}
    for name, text in texts.items():
        if name not in params:
            errors[name] = "property is not defined in schema and the schema does not allow additional properties"
            continue
        try:
            values[name] = params[name].value(text)
        except ValueError as fault:
            errors[name] = str(fault)
    for name, param in params.items():
        if not param.optional and name not in texts:
            errors[name] = "property is missing and it is not optional"
    if errors:
        raise ParamError(errors)
    return values
