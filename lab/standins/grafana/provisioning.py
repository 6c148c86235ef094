"""Provisioned data sources and dashboards, with the refusals of the real server."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
VARIABLE = re.compile(r"\$\$|\$__file\{([^}]+)\}|\$__env\{([^}]+)\}|\$\{(\w+)\}|\$(\w+)")


class ProvisioningError(ValueError):
    """Grafana does not start with this provisioning."""


@dataclass(frozen=True)
class DataSource:
    """A provisioned data source."""

    id: int
    uid: str
    name: str
    type: str
    url: str
    is_default: bool

    def document(self) -> dict[str, Any]:
        """Give the API's form."""
        return {
            **{"id": self.id, "uid": self.uid, "orgId": 1, "name": self.name, "type": self.type},
            **{"typeLogoUrl": "", "access": "proxy", "url": self.url, "user": "", "database": ""},
            **{"basicAuth": False, "isDefault": self.is_default, "jsonData": {}, "readOnly": True},
        }


@dataclass(frozen=True)
class Dashboard:
    """A dashboard from a file."""

    id: int
    uid: str
    title: str
    folder: str
    source: Path
    document: dict[str, Any]

    @property
    def slug(self) -> str:
        """The title as it appears in addresses."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    def hit(self) -> dict[str, Any]:
        """Give the search API's form."""
        return {
            **{"id": self.id, "uid": self.uid, "title": self.title, "uri": f"db/{self.slug}"},
            **{"url": f"/d/{self.uid}/{self.slug}", "type": "dash-db", "isStarred": False},
            **{"tags": self.document.get("tags") or [], "folderTitle": self.folder},
        }


@dataclass(frozen=True)
class Dashboards:
    """What the providers gave: the dashboards, the faults the log shows, the seconds between scans."""

    all: tuple[Dashboard, ...] = ()
    faults: tuple[str, ...] = ()
    interval: int = field(default=10)


def expand(value: Any, environment: Mapping[str, str]) -> Any:
    """Expand $VAR, ${VAR}, $__env{VAR} and $__file{path} in every string; $$ is a dollar."""
    if isinstance(value, dict):
        return {key: expand(inner, environment) for key, inner in value.items()}
    if isinstance(value, list):
        return [expand(inner, environment) for inner in value]
    if not isinstance(value, str):
        return value

    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if found[1]:
            return Path(found[1]).read_text().strip()
        return environment.get(found[2] or found[3] or found[4], "")

    return VARIABLE.sub(one, value)


def _files(directory: Path, environment: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted([*directory.glob("*.yml"), *directory.glob("*.yaml")]):
        try:
            document = expand(yaml.safe_load(path.read_text()) or {}, environment)
        except (yaml.YAMLError, OSError) as fault:
            raise ProvisioningError(f"{path}: {fault}") from fault
        if not isinstance(document, dict):
            raise ProvisioningError(f"{path}: the document is not a mapping")
        yield path, document


def data_sources(directory: Path, environment: Mapping[str, str]) -> list[DataSource]:
    """Read the data sources; raise as the real server does when it would not start."""
    found: list[DataSource] = []
    for path, document in _files(directory, environment):
        for number, item in enumerate(document.get("datasources") or []):
            where = f"{path}: datasources/{number}"
            missing = [key for key in ("name", "type") if not item.get(key)]
            if missing:
                raise ProvisioningError(f"{where}: {' and '.join(missing)} must be set")
            uid = str(item.get("uid") or re.sub(r"\W+", "-", item["name"].lower()))
            if not UID.fullmatch(uid):
                raise ProvisioningError(f"{where}/uid: {uid!r} is not a valid uid")
            found.append(
                DataSource(
                    *(len(found) + 1, uid, str(item["name"]), str(item["type"])),
                    *(str(item.get("url", "")), bool(item.get("isDefault"))),
                )
            )
    if sum(source.is_default for source in found) > 1:
        raise ProvisioningError(
            "datasource.yaml config is invalid. Only one datasource per organization can be marked as default"
        )
    for what, names in (("name", [s.name for s in found]), ("uid", [s.uid for s in found])):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ProvisioningError(f"data source with the same {what} already exists: {twice[0]}")
    return found


def _providers(directory: Path, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for path, document in _files(directory, environment):
        for number, provider in enumerate(document.get("providers") or []):
            if provider.get("type", "file") != "file":
                raise ProvisioningError(f"{path}: providers/{number}/type: only `file` is known")
            if not (provider.get("options") or {}).get("path"):
                raise ProvisioningError(f"{path}: providers/{number}/options/path: missing")
            yield provider


def used_sources(node: Any) -> Iterator[str]:
    """Give the uid of every data source which a dashboard's JSON refers to."""
    if isinstance(node, dict):
        source = node.get("datasource")
        if isinstance(source, dict) and isinstance(source.get("uid"), str):
            yield source["uid"]
        elif isinstance(source, str):
            yield source
        for inner in node.values():
            yield from used_sources(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from used_sources(inner)


def _source_faults(path: Path, document: dict[str, Any], known: set[str]) -> Iterator[str]:
    variables = {f"${{{v.get('name')}}}" for v in (document.get("templating") or {}).get("list") or []}
    builtin = {"-- Grafana --", "grafana", "-- Mixed --", "-- Dashboard --"}
    for uid in sorted(set(used_sources(document)) - known - builtin - variables):
        yield f"{path}: data source {uid} was not found"


def dashboards(directory: Path, environment: Mapping[str, str], sources: list[DataSource]) -> Dashboards:
    """Read all dashboards. Like the real server, log faulty ones and go on without them."""
    found: list[Dashboard] = []
    faults: list[str] = []
    known = {source.uid for source in sources} | {source.name for source in sources}
    interval = 10
    for provider in _providers(directory, environment):
        interval = int(provider.get("updateIntervalSeconds") or interval)
        folder = str(provider.get("folder") or "General")
        for path in sorted(Path(provider["options"]["path"]).rglob("*.json")):
            try:
                document = json.loads(path.read_text())
                uid, title = str(document.get("uid") or path.stem), document["title"]
            except (OSError, ValueError, KeyError, AttributeError) as fault:
                faults.append(f"{path}: failed to load dashboard: {fault!r}")
                continue
            if any(d.uid == uid for d in found):
                faults.append(f"{path}: the same UID is used more than once: {uid}")
            elif any((d.title, d.folder) == (title, folder) for d in found):
                faults.append(f"{path}: dashboard title is not unique in folder {folder}: {title}")
            else:
                found.append(Dashboard(len(found) + 1, uid, title, folder, path, document))
                faults += _source_faults(path, document, known)
    return Dashboards(tuple(found), tuple(faults), interval)
