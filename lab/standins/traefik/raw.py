"""Raw TCP and UDP entry points: handed to the first server of the router's service."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from lab.standins.traefik.caddy import merged, qualified
from lab.standins.traefik.static import EntryPoint
from lab.standins.tunnel.streams import join


def server_of(entry: EntryPoint, providers: dict[str, dict[str, Any]]) -> tuple[str, int] | None:
    """Where an entry point's connections go; None while no router has it."""
    for name, router in merged(providers, entry.protocol, "routers").items():
        if entry.name in router.get("entryPoints", ()):
            service = qualified(router["service"], name.partition("@")[2])
            found = merged(providers, entry.protocol, "services").get(service)
            if found:
                host, _, port = found["loadBalancer"]["servers"][0]["address"].rpartition(":")
                return host, int(port)
    return None


class Raw:
    """One entry point."""

    def __init__(self, entry: EntryPoint) -> None:
        self.entry = entry
        self.server: tuple[str, int] | None = None

    async def start(self) -> None:
        """Listen; without a server connections are closed and datagrams dropped."""
        if self.entry.protocol == "udp":
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(
                lambda: _Inside(self),
                local_addr=(self.entry.host or "0.0.0.0", self.entry.port),  # noqa: S104
            )
        else:
            await asyncio.start_server(self._connected, self.entry.host or None, self.entry.port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.server is not None:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await join((reader, writer), await asyncio.wait_for(asyncio.open_connection(*self.server), 10))
        writer.close()


class _Outside(asyncio.DatagramProtocol):
    """The socket towards the server for one sender."""

    def __init__(self, inside: Any, sender: Any) -> None:
        self._inside, self._sender = inside, sender

    def datagram_received(self, data: bytes, sender: Any) -> None:
        """Pass an answer back."""
        self._inside.sendto(data, self._sender)


class _Inside(asyncio.DatagramProtocol):
    """The entry point's socket."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._transport: Any = None
        self._senders: dict[Any, asyncio.DatagramTransport] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket."""
        self._transport = transport

    def datagram_received(self, data: bytes, sender: Any) -> None:
        """Pass one on."""
        task = asyncio.ensure_future(self._pass(data, sender))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, data: bytes, sender: Any) -> None:
        if self._raw.server is None:
            return
        if sender not in self._senders:
            loop = asyncio.get_running_loop()
            inside, remote = self._transport, self._raw.server
            self._senders[sender], _ = await loop.create_datagram_endpoint(
                lambda: _Outside(inside, sender), remote_addr=remote
            )
        self._senders[sender].sendto(data)
