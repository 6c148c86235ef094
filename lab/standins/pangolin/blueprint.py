"""Blueprints: read, and refused where the documentation says so (docs.pangolin.net, manage/blueprints)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from lab.standins.pangolin.settings import Settings

RESOURCE_KEYS = frozenset(("name", "mode", "full-domain", "ssl", "auth", "proxy-port", "targets", "enabled"))
AUTH_KEYS = frozenset(("sso-enabled",))
TARGET_KEYS = frozenset(("hostname", "port", "method", "path", "path-match", "site"))


class BlueprintError(ValueError):
    """The blueprint is refused; nothing of it is applied."""


@dataclass(frozen=True)
class Target:
    """One target of a resource."""

    hostname: str
    port: int
    path: str = ""


@dataclass(frozen=True)
class Resource:
    """One public resource."""

    key: str
    name: str
    mode: str
    domain: str
    port: int
    targets: tuple[Target, ...]


def _unknown(where: str, given: dict[str, Any], known: frozenset[str]) -> None:
    if extra := sorted(given.keys() - known):
        raise BlueprintError(f"{where}: unrecognized keys: {', '.join(extra)}")


def _target(where: str, given: Any, *, http: bool) -> Target:
    if not isinstance(given, dict) or not given.get("hostname"):
        raise BlueprintError(f"{where}: hostname is required")
    _unknown(where, given, TARGET_KEYS)
    if ("method" in given) is not http:
        raise BlueprintError(f"{where}: method is {'required' if http else 'not allowed for raw resources'}")
    if http and given["method"] != "http":
        raise BlueprintError(f"{where}: this stand-in speaks http to targets only")
    path = str(given.get("path", ""))
    if path and given.get("path-match") != "prefix":
        raise BlueprintError(f"{where}: this stand-in matches paths by prefix only")
    return Target(str(given["hostname"]), int(given["port"]), path)


def _resource(key: str, given: Any, settings: Settings) -> Resource:
    where = f"public-resources.{key}"
    if not isinstance(given, dict):
        raise BlueprintError(f"{where}: expected an object")
    _unknown(where, given, RESOURCE_KEYS)
    _unknown(f"{where}.auth", given.get("auth") or {}, AUTH_KEYS)
    mode, domain, port = given.get("mode"), str(given.get("full-domain", "")), int(given.get("proxy-port") or 0)
    if mode == "http":
        if not any(domain.endswith(f".{base}") for base in settings.domains):
            raise BlueprintError(f"{where}: domain {domain or '(none)'} is not below one of Pangolin's")
    elif mode in ("tcp", "udp"):
        if not settings.raw:
            raise BlueprintError(f"{where}: raw resources are not allowed (flags.allow_raw_resources)")
        if not port or "auth" in given:
            raise BlueprintError(f"{where}: a raw resource needs proxy-port and has no auth")
    else:
        raise BlueprintError(f"{where}: mode is required")
    targets = given.get("targets") or []
    if not given.get("name") or not targets:
        raise BlueprintError(f"{where}: name and targets are required")
    found = tuple(_target(f"{where}.targets[{i}]", item, http=mode == "http") for i, item in enumerate(targets))
    return Resource(key, str(given["name"]), str(mode), domain, port, found)


def parse(text: str, settings: Settings) -> list[Resource]:
    """Every public resource. Raises BlueprintError with the first fault."""
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as fault:
        raise BlueprintError(f"not YAML: {str(fault)[:200]}") from fault
    if not isinstance(document, dict):
        raise BlueprintError("the blueprint is not an object")
    _unknown("blueprint", document, frozenset(("public-resources",)))
    found = [_resource(key, item, settings) for key, item in (document.get("public-resources") or {}).items()]
    domains = [resource.domain for resource in found if resource.domain]
    if len(domains) != len(set(domains)):
        raise BlueprintError("two resources have the same full-domain")
    return found
