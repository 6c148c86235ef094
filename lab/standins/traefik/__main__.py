"""Start with Traefik's arguments: Caddy does the sites, this process the raw ports, the providers and the log."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from lab.standins.common import banner
from lab.standins.traefik import SOFTWARE
from lab.standins.traefik.access import AccessLog
from lab.standins.traefik.caddy import ADMIN, config
from lab.standins.traefik.raw import Raw, server_of
from lab.standins.traefik.static import ConfigError, Static, read


def ask(url: str) -> dict[str, Any] | None:
    """Get the HTTP provider's document; None when it does not answer: what was said last goes on."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            document: dict[str, Any] = json.load(answer)
            return document
    except (OSError, ValueError):
        return None


def load(document: dict[str, Any]) -> None:
    """Give Caddy its configuration. Raises OSError when it refuses."""
    request = urllib.request.Request(
        f"http://{ADMIN}/load", json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


async def _log(stream: asyncio.StreamReader, log: AccessLog | None) -> None:
    while text := await stream.readline():
        if log:
            log.take(text.decode(errors="replace"))


async def run(static: Static) -> int:
    """Run Caddy, and keep it as the providers say."""
    providers: dict[str, dict[str, Any]] = {}
    if static.file_provider:
        providers["file"] = yaml.safe_load(static.file_provider.read_text()) or {}
    authorities = os.environ.get("LEGO_CA_CERTIFICATES", "")
    home = str(static.acme.get("storage", "/tmp/acme.json")).rpartition("/")[0]  # noqa: S108
    first, said = config(static, providers, authorities)
    caddy = await asyncio.create_subprocess_exec(
        *("caddy", "run", "--config", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": home},
    )
    assert caddy.stdin is not None  # noqa: S101
    assert caddy.stdout is not None  # noqa: S101
    caddy.stdin.write(json.dumps(first).encode())
    caddy.stdin.close()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, caddy.terminate)
    raws = [Raw(entry) for entry in static.entry_points.values() if entry.name.startswith(("tcp-", "udp-"))]
    for raw in raws:
        await raw.start()
    log = AccessLog(static.access_log) if static.access_log else None
    asyncio.ensure_future(_log(caddy.stdout, log))  # noqa: RUF006 - as long as Caddy lives
    poll = asyncio.ensure_future(_follow(static, providers, authorities, raws, first, said))
    code = await caddy.wait()
    poll.cancel()
    return max(code, 0)


async def _follow(
    static: Static,
    providers: dict[str, dict[str, Any]],
    authorities: str,
    raws: list[Raw],
    loaded: dict[str, Any],
    said: list[str],
) -> None:
    for fault in said:
        print(f"ERR {fault}", file=sys.stderr, flush=True)
    while static.http_provider:
        found = await asyncio.to_thread(ask, static.http_provider)
        if found is not None:
            providers["http"] = found
        for raw in raws:
            raw.server = server_of(raw.entry, providers)
        wanted, faults = config(static, providers, authorities)
        if wanted != loaded:
            for fault in faults:
                print(f"ERR {fault}", file=sys.stderr, flush=True)
            try:
                await asyncio.to_thread(load, wanted)
                loaded = wanted
            except OSError as refused:
                print(f"ERR configuration refused: {refused}", file=sys.stderr, flush=True)
        await asyncio.sleep(static.poll)


def main(arguments: list[str]) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="traefik", allow_abbrev=False)
    parser.add_argument("--configFile", required=True, type=Path)
    given = parser.parse_args(arguments)
    banner(SOFTWARE)
    try:
        static = read(given.configFile.read_text())
    except (OSError, ConfigError) as fault:
        print(f"command traefik error: {fault}", file=sys.stderr)
        return 1
    return asyncio.run(run(static))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
