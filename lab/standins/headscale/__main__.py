"""The `headscale` program: serve, configtest, version, and the CLI."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.standins.headscale import SOFTWARE, VERSION
from lab.standins.headscale.cli import parser, run


def _socket(path: Path) -> Path:
    """Find the socket without the YAML parser: health checks run often."""
    lines = path.read_text().splitlines() if path.is_file() else []
    for line in lines:
        if line.startswith("unix_socket:"):
            return Path(line.partition(":")[2].strip().strip("\"'"))
    return Path("/var/run/headscale/headscale.sock")


def _serve(path: Path, *, only_test: bool) -> int:
    from lab.standins.headscale.config import ConfigError, parse

    try:
        config = parse(path.read_text())
    except (OSError, ConfigError) as fault:
        for line in str(fault).splitlines():
            print(f"FTL {line}", file=sys.stderr)
        return 1
    from lab.standins.common import Listener, serve
    from lab.standins.headscale.app import create, create_metrics
    from lab.standins.headscale.store import Store

    if not config.noise_key.exists():
        import secrets

        config.noise_key.parent.mkdir(parents=True, exist_ok=True)
        config.noise_key.touch(mode=0o600)
        config.noise_key.write_text(f"privkey:{secrets.token_hex(32)}")
    config.database.parent.mkdir(parents=True, exist_ok=True)
    store = Store(config.database)
    if only_test:
        return 0
    config.socket.parent.mkdir(parents=True, exist_ok=True)
    config.socket.unlink(missing_ok=True)
    socket = Listener(create(store, trusted=True), unix_socket=config.socket, mode=config.socket_mode)
    listeners = [Listener(create(store), *config.listen), socket]
    if config.metrics:
        listeners.append(Listener(create_metrics(store), *config.metrics))
    serve(SOFTWARE, listeners)
    return 0


def main(arguments: list[str]) -> int:
    """Run the program."""
    given = parser().parse_args(arguments)
    path = Path(given.config)
    if given.noun in ("serve", "configtest"):
        return _serve(path, only_test=given.noun == "configtest")
    if given.noun == "version":
        print(f"headscale version {VERSION} (lab stand-in)")
        return 0
    return run(_socket(path), given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
