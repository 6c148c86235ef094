"""The `loki` program: serve, `-verify-config`, `-health`."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path

DEFAULT_CONFIG = "/etc/loki/local-config.yaml"


def _flags(arguments: list[str]) -> dict[str, str]:
    flags: dict[str, str] = {}
    for argument in arguments:
        if not argument.startswith("-"):
            raise SystemExit(f"loki: unexpected argument {argument}")
        name, _, value = argument.lstrip("-").partition("=")
        flags[name] = value or "true"
    known = {"config.file", "config.expand-env", "verify-config", "health", "health.url", "version", "target"}
    unknown = sorted(set(flags) - known)
    if unknown:
        raise SystemExit(f"flag provided but not defined: -{unknown[0]}")
    return flags


def _health(address: str) -> int:
    host, _, path = address.removeprefix("http://").partition("/")
    try:
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("GET", "/" + path)
        status = connection.getresponse().status
    except OSError as fault:
        print(f"unhealthy: {fault}", file=sys.stderr)
        return 1
    print("healthy" if status == 200 else f"unhealthy: status {status}")
    return 0 if status == 200 else 1


def main(arguments: list[str]) -> int:
    """Run the program."""
    flags = _flags(arguments)
    if "health" in flags:
        return _health(flags.get("health.url", "http://127.0.0.1:3100/ready"))
    from lab.standins.loki import SOFTWARE, VERSION
    from lab.standins.loki.config import ConfigError, parse

    if "version" in flags:
        print(f"loki, version {VERSION} (lab stand-in)")
        return 0
    path = Path(flags.get("config.file", DEFAULT_CONFIG))
    try:
        config = parse(path.read_text())
    except (OSError, ConfigError) as fault:
        print(f"{path}: {fault}", file=sys.stderr)
        return 1
    if "verify-config" in flags:
        print("config is valid", file=sys.stderr)
        return 0
    from lab.standins.common import Listener, serve
    from lab.standins.loki.app import create
    from lab.standins.loki.store import Store

    config.path_prefix.mkdir(parents=True, exist_ok=True)
    store = Store(config.path_prefix / "stand-in.sqlite")
    serve(SOFTWARE, [Listener(create(store, config.retention), config.host, config.port)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
