"""What the running software should say of itself, as far as it does not stand word for word in a model (pure)."""

import json
import re
from collections.abc import Iterable
from typing import Any

import yaml

from estate.models.service import Service
from estate.models.stack import Stack

_ALIASES = {"prohibit-password": "without-password"}
"""Values of sshd_config that `sshd -T` prints by another name."""


def sshd_settings(config: str) -> dict[str, frozenset[str]]:
    """The words of each setting of an sshd_config, by keyword as `sshd -T` spells it."""
    settings: dict[str, frozenset[str]] = {}
    for line in config.splitlines():
        keyword, _, value = line.partition(" ")
        if keyword and not keyword.startswith("#"):
            # sshd keeps the first value of a keyword
            settings.setdefault(keyword.lower(), words(value))
    return settings


def words(value: str) -> frozenset[str]:
    """The words of a setting, in lower case and by the names that `sshd -T` prints."""
    return frozenset(_ALIASES.get(word, word) for word in value.lower().split())


def scrape_targets(stack: Stack) -> dict[str, str]:
    """The URL that Prometheus scrapes, by job."""
    return {
        service.name: f"http://{stack.address(service)}:{service.metrics.port}{service.metrics.path}"
        for service in stack.services
        if service.metrics
    }


def configured_targets(document: str) -> dict[tuple[str, str], str]:
    """The job and address of every target in a Prometheus configuration, with its path."""
    configs = (yaml.safe_load(document) or {}).get("scrape_configs") or []
    return {
        (config["job_name"], target): config.get("metrics_path", "/metrics")
        for config in configs
        for group in config["static_configs"]
        for target in group["targets"]
    }


def rules(document: str) -> dict[str, list[str]]:
    """The names of a rule file's rules, by group."""
    groups = (yaml.safe_load(document) or {}).get("groups") or []
    return {group["name"]: [rule.get("alert") or rule["record"] for rule in group["rules"]] for group in groups}


def data_sources(document: str) -> dict[str, str]:
    """The URL of each data source that Grafana is given, by uid."""
    return {source["uid"]: source["url"] for source in yaml.safe_load(document)["datasources"]}


def board_uids(documents: Iterable[bytes]) -> set[str]:
    """The uids of dashboards."""
    return {json.loads(document)["uid"] for document in documents}


def differences(declared: Any, live: Any, path: str = "") -> list[str]:
    """Where a loaded document is not what was declared; defaults that the software added do not count.

    Only paths are named, so that no value gets into a report.
    """
    where = path or "/"
    if isinstance(declared, dict):
        if not isinstance(live, dict):
            return [where]
        return [item for key in declared for item in differences(declared[key], live.get(key), f"{path}/{key}")]
    if isinstance(declared, list):
        if not isinstance(live, list) or len(live) != len(declared):
            return [where]
        pairs = enumerate(zip(declared, live, strict=True))
        return [item for index, (one, other) in pairs for item in differences(one, other, f"{path}/{index}")]
    return [] if declared == live else [where]


def health_path(service: Service) -> str:
    """The path at which the service's own health check asks over HTTP; empty when it asks otherwise."""
    test = " ".join(service.health.test) if service.health else ""
    found = re.search(rf"http://127\.0\.0\.1:{service.port}(/[\w./-]*)", test)
    return found[1] if found else ""


def is_database(service: Service) -> bool:
    """Whether it is a PostgreSQL."""
    return service.image is not None and service.image.repository.rpartition("/")[2] == "postgres"


def is_queue(service: Service) -> bool:
    """Whether it is a Redis."""
    return service.image is not None and service.image.repository.rpartition("/")[2] == "redis"
