"""Names and values in env files, compose files and other templates, with their lines. Pure."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from dotenv.parser import parse_stream

from estate.checks.tree_files import TreeFile

_LINE = re.compile(
    r"""^\s*(?:-\s+)?(?:export\s+)?["']?(?P<name>[A-Za-z_][\w.-]*)["']?\s*[:=]\s*(?P<value>.*?)\s*,?\s*$"""
)
_OPTION = re.compile(r"""(?:^|\s)--?(?P<name>[a-z][a-z-]*)[ =]["']?(?P<value>[^\s"']+)""")


@dataclass(frozen=True)
class Entry:
    """A name with a value, and the line on which it stands."""

    name: str
    value: str
    line: int


def entries(file: TreeFile) -> list[Entry]:
    """Every name with its value in the file, by its kind."""
    if file.is_env:
        return list(_env(file.text))
    if file.is_compose:
        try:
            return list(_compose(file.text))
        except yaml.YAMLError:
            pass  # a template of a compose file need not be YAML
    return list(_lines(file.text, 1))


def _env(text: str) -> Iterator[Entry]:
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:  # a line of a shell script, such as direnv's .envrc
            yield from _lines(binding.original.string, binding.original.line)
        elif binding.key is not None:
            yield Entry(binding.key, binding.value or "", binding.original.line)


def _lines(text: str, first: int) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), start=first):
        if found := _LINE.match(line):
            yield Entry(found["name"], _unquoted(found["value"]), number)
        yield from _options(line, number)


def _unquoted(value: str) -> str:
    quoted = re.match(r"""(["'])(.*?)\1""", value)
    return quoted[2] if quoted else re.sub(r"\s+#.*$", "", value)


def _options(text: str, line: int) -> Iterator[Entry]:
    for found in _OPTION.finditer(text):
        yield Entry(found["name"], found["value"], line)


def _compose(text: str) -> Iterator[Entry]:
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        yield from _node(document)


def _node(node: yaml.Node | None) -> Iterator[Entry]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(value, yaml.ScalarNode):
                yield Entry(str(key.value), "" if value.tag.endswith(":null") else value.value, _line(key))
            yield from _node(value)
    elif isinstance(node, yaml.SequenceNode):
        scalars = [item for item in node.value if isinstance(item, yaml.ScalarNode)]
        for item in scalars:  # the list form of `environment`
            name, equals, value = item.value.partition("=")
            if equals and re.fullmatch(r"[A-Za-z_]\w*", name):
                yield Entry(name, value, _line(item))
        # a command as a list: an option and its value are two items
        yield from _options(" ".join(item.value for item in scalars), _line(node))
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode):
                yield from _node(item)
    elif isinstance(node, yaml.ScalarNode):
        yield from _options(node.value, _line(node))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
