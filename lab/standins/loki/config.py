"""Loki's configuration file, as far as a single binary uses it; bad files are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SECTIONS = frozenset(
    (
        *("target", "auth_enabled", "ballast_bytes", "server", "common", "distributor", "querier"),
        *("query_range", "query_scheduler", "frontend", "frontend_worker", "ingester"),
        *("ingester_client", "block_builder", "pattern_ingester", "ingester_rf1", "index_gateway"),
        *("bloom_build", "bloom_gateway", "storage_config", "chunk_store_config", "schema_config"),
        *("compactor", "compactor_client", "compactor_grpc_client", "limits_config", "limits_client"),
        *("table_manager", "memberlist", "kafka_config", "runtime_config", "operational_config"),
        *("tracing", "analytics", "querytee", "ui", "ruler", "ruler_storage", "internal_server"),
        *("http_prefix", "shutdown_delay", "metrics_namespace", "profiling"),
    )
)
UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


class ConfigError(ValueError):
    """Loki would not start with this configuration."""


@dataclass(frozen=True)
class Config:
    """What this stand-in uses of the configuration."""

    port: int
    host: str
    path_prefix: Path
    retention: float


def seconds(text: str | float) -> float:
    """Read a Go-style duration such as 720h or 1h30m."""
    if isinstance(text, (int, float)):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", text)
    if text == "0":
        return 0.0
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ConfigError(f'not a valid duration string: "{text}"')
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise ConfigError(f"{name}: cannot unmarshal into a section")
    return value


def _check_schema(document: dict[str, Any]) -> None:
    periods = _section(document, "schema_config").get("configs")
    if not isinstance(periods, list) or not periods:
        raise ConfigError("schema_config/configs: no schema periods; at least one is required")
    for number, period in enumerate(periods):
        missing = [key for key in ("from", "store", "object_store", "schema", "index") if key not in period]
        if missing:
            raise ConfigError(f"schema_config/configs/{number}: {', '.join(missing)} missing")
        if period["store"] == "tsdb" and (period["index"] or {}).get("period") != "24h":
            raise ConfigError(f"schema_config/configs/{number}/index/period: must be 24h with tsdb")


def parse(text: str) -> Config:
    """Check a configuration and take from it what is used."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise ConfigError(f"failed parsing config: {fault}") from fault
    if not isinstance(document, dict):
        raise ConfigError("failed parsing config: the document is not a mapping")
    unknown = sorted(set(document) - SECTIONS)
    if unknown:
        raise ConfigError(f"failed parsing config: field {unknown[0]} not found in type config.ConfigWrapper")
    _check_schema(document)
    compactor = _section(document, "compactor")
    if compactor.get("retention_enabled") and not compactor.get("delete_request_store"):
        raise ConfigError(
            "CONFIG ERROR: invalid compactor config: compactor.delete-request-store should be configured "
            "when retention is enabled"
        )
    server, common = _section(document, "server"), _section(document, "common")
    limits = _section(document, "limits_config")
    retention = seconds(limits.get("retention_period", "0")) if compactor.get("retention_enabled") else 0.0
    return Config(
        port=int(server.get("http_listen_port", 3100)),
        host=str(server.get("http_listen_address") or "0.0.0.0"),  # noqa: S104
        path_prefix=Path(common.get("path_prefix", "/loki")),
        retention=retention,
    )
