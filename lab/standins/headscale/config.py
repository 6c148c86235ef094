"""Headscale's configuration, refused where 0.29 refuses it (and where a top-level key is unknown)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PATH = Path("/etc/headscale/config.yaml")
KNOWN = frozenset(
    (
        *("server_url", "listen_addr", "metrics_listen_addr", "grpc_listen_addr", "grpc_allow_insecure"),
        *("trusted_proxies", "noise", "prefixes", "derp", "disable_check_updates", "node", "database"),
        *("acme_url", "acme_email", "tls_letsencrypt_hostname", "tls_letsencrypt_cache_dir"),
        *("tls_letsencrypt_challenge_type", "tls_letsencrypt_listen", "tls_cert_path", "tls_key_path"),
        *("log", "policy", "dns", "unix_socket", "unix_socket_permission", "logtail", "taildrop"),
        *("auto_update", "oidc", "cli", "tuning", "private_key_path"),
    )
)
# Removed keys, and what upstream says about each.
REMOVED = {
    "randomize_client_port": "Please move it to the policy file.",
    "dns.use_username_in_magic_dns": "Please see the changelog for more details.",
    "oidc.strip_email_domain": "Please see the changelog for more details.",
    "oidc.map_legacy_users": "Please see the changelog for more details.",
    "oidc.expiry": 'Please use "node.expiry" instead.',
    "ephemeral_node_inactivity_timeout": 'Please use "node.ephemeral.inactivity_timeout" instead.',
    "acl_policy_path": 'Please use "policy.path" instead.',
    "dns_config": 'Please use "dns" instead.',
    "ip_prefixes": 'Please use "prefixes" instead.',
    "db_type": 'Please use "database.type" instead.',
    "db_path": 'Please use "database.sqlite.path" instead.',
}


class ConfigError(ValueError):
    """Headscale does not start with this configuration."""


@dataclass(frozen=True)
class Config:
    """What this stand-in uses of the configuration."""

    server_url: str
    listen: tuple[str, int]
    metrics: tuple[str, int] | None
    database: Path
    noise_key: Path
    socket: Path
    socket_mode: int


def lookup(document: dict[str, Any], path: str, default: Any = None) -> Any:
    """Look a dotted key up."""
    node: Any = document
    for part in path.split("."):
        if not isinstance(node, dict) or part not in node:
            return default
        node = node[part]
    return node


def address(text: str) -> tuple[str, int]:
    """Split host:port."""
    host, _, port = text.rpartition(":")
    if not port.isdigit():
        raise ConfigError(f"listen tcp: address {text}: missing port in address")
    return host or "0.0.0.0", int(port)  # noqa: S104


def unsafe_base_domain(server_url: str, base_domain: str) -> str:
    """Say why base_domain does not go with server_url; nothing when it does."""
    host = urlsplit(server_url).hostname or ""
    if host == base_domain:
        return "server_url cannot use the same domain as base_domain in a way that could make the DERP and "
    if base_domain and host.endswith("." + base_domain):
        return "server_url cannot be part of base_domain in a way that could make the DERP and "
    return ""


def _faults(document: dict[str, Any]) -> list[str]:
    faults = [
        f'The "{key}" configuration key has been removed. {hint}'
        for key, hint in REMOVED.items()
        if lookup(document, key) is not None
    ]
    removed = {key.partition(".")[0] for key in REMOVED}
    faults += [
        f'The "{key}" configuration key is not known (refused by the stand-in; Headscale ignores it).'
        for key in sorted(set(document) - KNOWN - removed)
    ]
    if not str(document.get("server_url", "")).startswith(("http://", "https://")):
        faults.append("server_url must start with https:// or http://")
    if not lookup(document, "noise.private_key_path"):
        faults.append("headscale now requires a new `noise.private_key_path` field in the config file")
    if lookup(document, "prefixes.v4") is None and lookup(document, "prefixes.v6") is None:
        faults.append("no IPv4 or IPv6 prefix configured, minimum one prefix is required")
    base = str(lookup(document, "dns.base_domain", "") or "")
    magic = lookup(document, "dns.magic_dns", True)
    if magic and not base:
        faults.append("dns.base_domain must be set when using MagicDNS (dns.magic_dns)")
    if lookup(document, "dns.override_local_dns", True) and not lookup(document, "dns.nameservers.global"):
        faults.append("dns.nameservers.global must be set when dns.override_local_dns is true")
    clash = unsafe_base_domain(str(document.get("server_url", "")), base)
    if clash:
        faults.append(clash + "headscale server unreachable")
    if lookup(document, "database.type") not in ("sqlite", "sqlite3"):
        faults.append(f"database.type: this stand-in has sqlite only, not {lookup(document, 'database.type')}")
    return faults


def parse(text: str) -> Config:
    """Check a configuration; every fault is in the one error."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise ConfigError(f"fatal error reading config file: {fault}") from fault
    if not isinstance(document, dict):
        raise ConfigError("fatal error reading config file: not a mapping")
    faults = _faults(document)
    if faults:
        raise ConfigError("\n".join(faults))
    metrics = document.get("metrics_listen_addr")
    return Config(
        server_url=str(document["server_url"]),
        listen=address(str(document.get("listen_addr", "127.0.0.1:8080"))),
        metrics=address(str(metrics)) if metrics else None,
        database=Path(lookup(document, "database.sqlite.path", "/var/lib/headscale/db.sqlite")),
        noise_key=Path(lookup(document, "noise.private_key_path")),
        socket=Path(document.get("unix_socket", "/var/run/headscale/headscale.sock")),
        socket_mode=int(str(document.get("unix_socket_permission", "0770")).removeprefix("0o"), 8),
    )
