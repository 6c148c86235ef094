"""Values as Nix expressions, laid out as nixfmt does: one item a line unless there is one item or none."""

import re
from collections.abc import Mapping, Sequence

NixValue = str | bool | int | float | None | Sequence["NixValue"] | Mapping[str, "NixValue"]
_IDENTIFIER = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_'-]*$")
_WORDS = frozenset({"assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"})
_WIDTH = 100


def nix(value: NixValue, indent: int = 0) -> str:
    """The expression of a value; the lines after the first are indented by `indent` spaces."""
    if isinstance(value, str):
        return nix_string(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        # a negative number in a list would be a subtraction
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, Mapping):
        items = [f"{nix_key(key)} = {nix(item, indent + 2)};" for key, item in value.items()]
        return _group("{", items, "}", indent)
    return _group("[", [nix(item, indent + 2) for item in value], "]", indent)


def nix_string(value: str) -> str:
    """A string between double quotes, with nothing in it interpolated."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def nix_key(key: str) -> str:
    """The name of an attribute, quoted when it has to be."""
    return key if _IDENTIFIER.match(key) and key not in _WORDS else nix_string(key)


def _group(opening: str, items: list[str], closing: str, indent: int) -> str:
    if not items:
        return f"{opening} {closing}"
    if len(items) == 1 and "\n" not in items[0] and len(items[0]) + indent < _WIDTH:
        return f"{opening} {items[0]} {closing}"
    inside = "".join(f"{' ' * (indent + 2)}{item}\n" for item in items)
    return f"{opening}\n{inside}{' ' * indent}{closing}"
