"""A blueprint's YAML with the tags that the estate uses; any other is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml


class BlueprintError(ValueError):
    """A blueprint is not applied: nothing of it is."""


@dataclass(frozen=True)
class KeyOf:
    """Another entry, by its id."""

    id: str


@dataclass(frozen=True)
class Find:
    """An object, by its fields."""

    model: str
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Env:
    """A variable of the worker's environment."""

    name: str
    default: Any = None


@dataclass(frozen=True)
class FileOf:
    """A file's text, stripped."""

    path: str
    default: Any = None


class Loader(yaml.SafeLoader):
    """YAML with Authentik's tags."""


def _with_default(loader: yaml.SafeLoader, node: Any) -> tuple[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        name, default = loader.construct_sequence(node, deep=True)
        return name, default
    return str(loader.construct_scalar(node)), None


def _find(loader: yaml.SafeLoader, node: Any) -> Find:
    model, *conditions = loader.construct_sequence(node, deep=True)
    return Find(model, tuple((field, value) for field, value in conditions))


def _key_of(loader: yaml.SafeLoader, node: Any) -> KeyOf:
    return KeyOf(str(loader.construct_scalar(node)))


def _env(loader: yaml.SafeLoader, node: Any) -> Env:
    return Env(*_with_default(loader, node))


def _file(loader: yaml.SafeLoader, node: Any) -> FileOf:
    return FileOf(*_with_default(loader, node))


Loader.add_constructor("!KeyOf", _key_of)
Loader.add_constructor("!Find", _find)
Loader.add_constructor("!Env", _env)
Loader.add_constructor("!File", _file)


def load(text: str) -> dict[str, Any]:
    """The document of a blueprint. Raises BlueprintError for anything that Authentik would not read."""
    try:
        document = yaml.load(text, Loader=Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as fault:
        raise BlueprintError(f"not a blueprint: {fault}") from None
    if not isinstance(document, dict) or document.get("version") != 1 or not isinstance(document.get("entries"), list):
        raise BlueprintError("not a blueprint: version 1 and a list of entries are wanted")
    if not document.get("metadata", {}).get("name"):
        raise BlueprintError("metadata/name is missing")
    return document
