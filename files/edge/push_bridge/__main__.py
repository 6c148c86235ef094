"""Serve until SIGTERM: `python3 /etc/push-bridge/push_bridge`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path

# run as a folder: its parent has the package (NixOS links each file into the store, so nothing is resolved here)
sys.path.insert(0, str(Path(__file__).parent.parent))

from push_bridge.bridge import Bridge
from push_bridge.config import load
from push_bridge.web import Server

LOG = logging.getLogger("push-bridge")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    credentials = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/etc/push-bridge"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("/etc/push-bridge/config.json"))
    parser.add_argument(
        "--secrets", type=Path, help="default: secrets in systemd's credentials, or /etc/push-bridge/secrets.json"
    )
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("STATE_DIRECTORY", "/var/lib/push-bridge")))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    given = credentials / "secrets"
    secrets = options.secrets or (given if given.is_file() else Path("/etc/push-bridge/secrets.json"))
    try:
        bridge = Bridge(*load(options.config, secrets), options.state)
        server = Server(bridge)
    except (OSError, ValueError, TypeError, sqlite3.Error) as fault:
        LOG.error("cannot start: %s", fault)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    LOG.info("%s:%d takes the reports of %d nodes", *server.server_address[:2], len(bridge.config.nodes))
    server.serve_forever(poll_interval=0.2)
    server.socket.close()
    server.drain(10)
    bridge.close()
    LOG.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
