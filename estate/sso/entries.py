"""A blueprint as data: entries, the tags that Authentik's loader knows, and their YAML (facts 2.2, Blueprints)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Entry = dict[str, Any]


@dataclass(frozen=True)
class KeyOf:
    """Another entry of the same blueprint, by its id."""

    id: str


@dataclass(frozen=True)
class Find:
    """An object that exists already, by one of its fields."""

    model: str
    field: str
    value: str


@dataclass(frozen=True)
class FileOf:
    """What a file holds when the blueprint is applied; Authentik strips its ends."""

    path: str


class _Dumper(yaml.SafeDumper):
    """Lists within lists indented, no aliases: the same values may stand twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _find(dumper: yaml.SafeDumper, tag: Find) -> yaml.Node:
    return dumper.represent_sequence("!Find", [tag.model, [tag.field, tag.value]], flow_style=True)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(KeyOf, lambda dumper, tag: dumper.represent_scalar("!KeyOf", tag.id))
_Dumper.add_representer(FileOf, lambda dumper, tag: dumper.represent_scalar("!File", tag.path))
_Dumper.add_representer(Find, _find)
_Dumper.add_representer(str, _text)


def entry(model: str, identifiers: Mapping[str, Any], attrs: Mapping[str, Any] | None = None, key: str = "") -> Entry:
    """One object: what it is found by, and what it shall be."""
    found: Entry = {"model": model, "identifiers": dict(identifiers)}
    if key:
        found = {"model": model, "id": key, "identifiers": dict(identifiers)}
    return found | ({"attrs": dict(attrs)} if attrs else {})


def after(blueprint: str) -> Entry:
    """Apply another blueprint first: the order in which files are found says nothing."""
    attrs = {"identifiers": {"name": blueprint}, "required": True}
    return {"model": "authentik_blueprints.metaapplyblueprint", "attrs": attrs}


def text(name: str, purpose: str, entries: Iterable[Entry]) -> str:
    """The blueprint's YAML."""
    labels = {"blueprints.goauthentik.io/description": purpose}
    document = {"version": 1, "metadata": {"name": name, "labels": labels}, "entries": list(entries)}
    head = "# Written by the deploy from estate/sso; a change made here, or in Authentik's pages, is overwritten.\n"
    dumped: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return head + dumped
