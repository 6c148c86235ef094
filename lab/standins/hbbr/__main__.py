"""A relay for pairs: who says the same name with the right key is joined; the key is required when there is one.

RustDesk's own protocol (protobuf) is not spoken: a line "RELAY NAME KEY" stands for its RequestRelay.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys

from lab.standins.common import banner
from lab.standins.hbbr import SOFTWARE
from lab.standins.tunnel.streams import join

PORT = 21117


class Relay:
    """Who waits for whom."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._waiting: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a pair, or wait for the other."""
        words: list[str] = []
        with contextlib.suppress(asyncio.TimeoutError, ValueError, ConnectionError):
            words = (await asyncio.wait_for(reader.readline(), 30)).decode(errors="replace").split()
        if len(words) not in (2, 3) or words[0] != "RELAY" or (self._key and words[2:] != [self._key]):
            writer.close()
            return
        other = self._waiting.pop(words[1], None)
        if other is None:
            self._waiting[words[1]] = (reader, writer)
            return
        for peer in (writer, other[1]):
            peer.write(b"JOINED\n")
        await join(other, (reader, writer))


async def serve(key: str, host: str = "0.0.0.0", port: int = PORT) -> asyncio.Server:  # noqa: S104
    """Listen."""
    return await asyncio.start_server(Relay(key).connected, host, port)


async def _run(key: str, port: int) -> None:
    await (await serve(key, port=port)).serve_forever()


def main(arguments: list[str]) -> int:
    """Run it with hbbr's arguments and environment."""
    parser = argparse.ArgumentParser(prog="hbbr", allow_abbrev=False)
    parser.add_argument("-p", "--port", type=int, default=PORT)
    parser.add_argument("-k", "--key", default=os.environ.get("KEY", ""))
    given = parser.parse_args(arguments)
    banner(SOFTWARE)
    if not given.key:
        print("WARNING: no key: everybody may use this relay", file=sys.stderr, flush=True)
    asyncio.run(_run(given.key, given.port))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
