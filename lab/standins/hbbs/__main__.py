"""An ID server with the real one's arguments, key files and ports; its messages are lines of text, not protobuf.

"REGISTER ID" (UDP 21116) keeps a device, "FIND ID KEY" (TCP 21116) answers the relay to meet it at, if the key is the
server's; "NAT" (TCP 21115) answers the port that the caller came from.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import cast

from lab.standins.common import banner
from lab.standins.hbbs import SOFTWARE

NAT_PORT, ID_PORT = 21115, 21116


class KeyFaultError(ValueError):
    """A key that the real one would not start with."""


def public_key(folder: Path, key: str) -> str:
    """The public half, from id_ed25519 for `-k -` and `-k _`; empty without `-k`. Raises KeyFaultError."""
    if key not in ("-", "_"):
        return key
    file = folder / "id_ed25519"
    if not file.exists():
        raise KeyFaultError("id_ed25519 is not there; the real one would make another, which no client knows")
    try:
        secret = base64.b64decode(file.read_text().strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) != 64:
        raise KeyFaultError("id_ed25519 is malformed: not 64 bytes in base64")
    return base64.b64encode(secret[32:]).decode()


class Devices:
    """Devices that have registered, in SQLite."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path)
        with self._database:
            self._database.execute("CREATE TABLE IF NOT EXISTS peer (id TEXT PRIMARY KEY)")

    def register(self, name: str) -> None:
        """Keep a device."""
        with self._database:
            self._database.execute("INSERT OR IGNORE INTO peer VALUES (?)", (name,))

    def __contains__(self, name: object) -> bool:
        return self._database.execute("SELECT 1 FROM peer WHERE id = ?", (name,)).fetchone() is not None


class IdServer(asyncio.DatagramProtocol):
    """What answers, over devices, relay and public key."""

    def __init__(self, devices: Devices, relay: str, key: str) -> None:
        self.devices, self.relay, self.key = devices, relay, key
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go out by."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """REGISTER ID."""
        words = data.decode(errors="replace").split()
        if len(words) == 2 and words[0] == "REGISTER" and self._transport:
            self.devices.register(words[1])
            self._transport.sendto(b"REGISTERED\n", address)

    def answer(self, words: list[str]) -> str:
        """FIND ID KEY."""
        if len(words) < 2 or words[0] != "FIND":
            return "ERROR"
        if self.key and words[2:] != [self.key]:
            return "LICENSE_MISMATCH"
        return f"RELAY {self.relay}" if words[1] in self.devices else "ID_NOT_EXIST"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question a connection."""
        with contextlib.suppress(asyncio.TimeoutError, ValueError, ConnectionError):
            words = (await asyncio.wait_for(reader.readline(), 30)).decode(errors="replace").split()
            writer.write(f"{self.answer(words)}\n".encode())
            await writer.drain()
        writer.close()

    async def nat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Where the caller came from."""
        with contextlib.suppress(asyncio.TimeoutError, ValueError, ConnectionError):
            if (await asyncio.wait_for(reader.readline(), 30)).strip() == b"NAT":
                writer.write(f"{writer.get_extra_info('peername')[1]}\n".encode())
                await writer.drain()
        writer.close()


async def start(server: IdServer, host: str = "0.0.0.0", nat: int = NAT_PORT, port: int = ID_PORT) -> asyncio.Server:  # noqa: S104
    """Listen on all ports; gives the TCP server of the ID port."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: server, local_addr=(host, port))
    await asyncio.start_server(server.nat, host, nat)
    return await asyncio.start_server(server.connected, host, port)


async def _run(server: IdServer) -> None:
    await (await start(server)).serve_forever()


def main(arguments: list[str]) -> int:
    """Run it with hbbs' arguments."""
    parser = argparse.ArgumentParser(prog="hbbs", allow_abbrev=False)
    parser.add_argument("-r", "--relay-servers", default=os.environ.get("RELAY_SERVERS", ""))
    parser.add_argument("-k", "--key", default=os.environ.get("KEY", "-"))
    given = parser.parse_args(arguments)
    banner(SOFTWARE)
    try:
        key = public_key(Path.cwd(), given.key)
    except KeyFaultError as fault:
        print(fault, file=sys.stderr)
        return 1
    print(f"Key: {key}", file=sys.stderr, flush=True)
    asyncio.run(_run(IdServer(Devices(os.environ.get("DB_URL", "db_v2.sqlite3")), given.relay_servers, key)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
