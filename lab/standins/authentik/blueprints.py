"""Applies blueprints: every file whole or not at all, those it names first, what did not change not again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.standins.authentik.schema import BUILT_IN, MODELS, REFERENCES
from lab.standins.authentik.tags import BlueprintError, Env, FileOf, Find, KeyOf, load
from lab.standins.rows import Row, Store

META = "authentik_blueprints.metaapplyblueprint"
OBJECT = "object"
INSTANCE = "blueprint"


def key_of(model: str, identifiers: Mapping[str, Any]) -> str:
    """An object's key: what it is found by."""
    return f"{model} {json.dumps(dict(identifiers), sort_keys=True)}"


def install(store: Store) -> None:
    """What Authentik brings itself."""
    for objects in BUILT_IN.values():
        for model, field, value in objects:
            key = key_of(model, {field: value})
            store.add(OBJECT, key, {"pk": key, "model": model, field: value})


class _Application:
    """One blueprint being applied: its objects are written when all of them are good."""

    def __init__(self, store: Store, environment: Mapping[str, str]) -> None:
        self.store, self.environment = store, environment
        self.ids: dict[str, str] = {}
        self.objects: dict[str, Row] = {}

    def resolved(self, value: Any) -> Any:
        """A value without tags. What is not found is None, as in Authentik."""
        if isinstance(value, KeyOf):
            if value.id not in self.ids:
                raise BlueprintError(f"KeyOf: failed to find entry with `id` of `{value.id}` and a model instance")
            return self.ids[value.id]
        if isinstance(value, Find):
            return self._found(value)
        if isinstance(value, Env):
            return self.environment.get(value.name) or value.default
        if isinstance(value, FileOf):
            try:
                return Path(value.path).read_text(encoding="utf8").strip()
            except OSError:
                return value.default
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if isinstance(value, dict):
            return {name: self.resolved(item) for name, item in value.items()}
        return value

    def _found(self, tag: Find) -> str | None:
        match = {field: self.resolved(value) for field, value in tag.fields}
        rows = [*self.objects.values(), *self.store.every(OBJECT, model=tag.model)]
        for row in rows:
            if row["model"] == tag.model and all(row.get(field) == value for field, value in match.items()):
                return str(row["pk"])
        return None

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Check one entry and keep its object."""
        model = entry["model"]
        known = MODELS.get(model)
        if known is None:
            raise BlueprintError(f"{model}: no such model")
        identifiers = self.resolved(entry.get("identifiers", {}))
        attrs = self.resolved(entry.get("attrs", {}))
        where = f"{model} {identifiers}"
        unknown = sorted(set(identifiers) - known.identifiers | set(attrs) - known.attrs - known.identifiers)
        unknown += sorted(set(entry) - {"model", "id", "identifiers", "attrs"})
        if not identifiers or unknown:
            raise BlueprintError(f"{where}: unknown: {', '.join(unknown) or 'no identifiers'}")
        given = {**identifiers, **attrs}
        empty = sorted(name for name in known.required if given.get(name) in (None, "", []))
        empty += sorted(name for name in REFERENCES & set(given) if _points_at_nothing(given[name]))
        if empty:
            raise BlueprintError(f"{where}: this field may not be null: {', '.join(dict.fromkeys(empty))}")
        pk = key_of(model, identifiers)
        old = self.objects.get(pk) or self.store.get(OBJECT, pk) or dict(known.defaults)
        self.objects[pk] = {**dict(known.defaults), **old, **given, "pk": pk, "model": model}
        if "id" in entry:
            self.ids[entry["id"]] = pk

    def write(self) -> None:
        """Keep all objects."""
        for pk, row in self.objects.items():
            put(self.store, OBJECT, pk, row)


def _points_at_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, list) and None in value)


def put(store: Store, kind: str, key: str, row: Row) -> None:
    """Write a row, whether it is there or not."""
    if not store.add(kind, key, row):
        store.change(kind, key, lambda _: row)


class Blueprints:
    """A directory of blueprints and the store that they are applied to."""

    def __init__(self, store: Store, directory: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.store, self.directory, self.environment = store, directory, environment

    def apply_all(self) -> dict[str, str]:
        """Apply every file; gives each one's fault by its name ("" when it is applied)."""
        install(self.store)
        documents: dict[str, tuple[str, dict[str, Any]]] = {}
        results: dict[str, str] = {}
        for path in sorted(self.directory.glob("**/*.yaml")):
            try:
                document = load(path.read_text())
            except BlueprintError as fault:
                results[path.name] = str(fault)
                continue
            documents[document["metadata"]["name"]] = (path.name, document)
        for name in documents:
            self._apply(name, documents, results, ())
        for name, why in results.items():
            put(self.store, INSTANCE, name, {"name": name, "status": "error" if why else "successful", "why": why})
        return results

    def _apply(
        self,
        name: str,
        documents: Mapping[str, tuple[str, dict[str, Any]]],
        results: dict[str, str],
        within: tuple[str, ...],
    ) -> None:
        if name in results or name in within:
            return
        application = _Application(self.store, self.environment)
        try:
            for entry in documents[name][1]["entries"]:
                if entry.get("model") != META:
                    application.entry(entry)
                    continue
                wanted = entry["attrs"]["identifiers"]["name"]
                if wanted in documents:
                    self._apply(wanted, documents, results, (*within, name))
                if wanted in documents and not results.get(wanted, "cyclic"):
                    continue
                if wanted not in BUILT_IN and entry["attrs"].get("required", True):
                    raise BlueprintError(f"required blueprint {wanted} is not applied")
        except BlueprintError as fault:
            results[name] = str(fault)
            return
        application.write()
        results[name] = ""
