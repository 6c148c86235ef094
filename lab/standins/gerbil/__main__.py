"""Start the tunnels' end with Gerbil's arguments."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from lab.standins.common import banner
from lab.standins.gerbil import SOFTWARE
from lab.standins.gerbil.key import certificate_of
from lab.standins.gerbil.server import Gerbil

NETWORK = "100.89.137.0/24"
SECONDS = 2.0
"""Between two looks at Pangolin's configuration."""
_ANSWER = b"HTTP/1.1 404 Not Found\r\nX-Estate-Lab-Stand-In: Gerbil\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the arguments; unknown ones are errors."""
    parser = argparse.ArgumentParser(prog="gerbil", allow_abbrev=False)
    parser.add_argument("--reachableAt", required=True)
    parser.add_argument("--generateAndSaveKeyTo", required=True)
    parser.add_argument("--remoteConfig", required=True)
    parser.add_argument("--listen", default=":3004")
    return parser.parse_args(arguments)


def ask(url: str, certificate: str, reachable: str) -> dict[str, Any]:
    """Get the configuration from Pangolin; empty when it does not answer."""
    body = json.dumps({"publicKey": certificate, "reachableAt": reachable}).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{url}gerbil/get-config", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            document: dict[str, Any] = json.load(answer)
            return document
    except (OSError, ValueError):
        return {}


async def _api(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.readline()
        writer.write(_ANSWER)
        await writer.drain()
    writer.close()


async def run(given: argparse.Namespace, certificate: str) -> None:
    """Serve tunnels, and keep the sockets as Pangolin says."""
    gerbil, serving = Gerbil(), False
    host, _, port = given.listen.rpartition(":")
    await asyncio.start_server(_api, host or "0.0.0.0", int(port))  # noqa: S104
    while True:
        config = await asyncio.to_thread(ask, given.remoteConfig, certificate, given.reachableAt)
        if config and not serving:
            await gerbil.serve(Path(given.generateAndSaveKeyTo), "0.0.0.0", config["listenPort"])  # noqa: S104
            serving = True
        if config:
            await gerbil.apply(config)
        await asyncio.sleep(SECONDS)


def main(arguments: list[str]) -> int:
    """Run it."""
    given = parse(arguments)
    banner(SOFTWARE)
    certificate = certificate_of(Path(given.generateAndSaveKeyTo))
    # Every address of the tunnels' network is this container's own
    command = ["busybox", "ip", "route", "add", "local", NETWORK, "dev", "lo"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode and "exists" not in made.stderr:
        print(f"Failed to create the interface: {made.stderr.strip()}", file=sys.stderr)
        return 1
    asyncio.run(run(given, certificate))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
