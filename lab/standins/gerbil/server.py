"""The tunnels' end: clients come over QUIC, and what comes to their addresses goes to them as streams."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent

from lab.standins.tunnel.streams import datagram, head, join, read_datagram, read_head

ALPN = "estate-lab-tunnel"
IDLE = 15.0
"""Seconds of silence after which a tunnel is down."""


class Client(QuicConnectionProtocol):
    """One client's connection; a tunnel once it has shown its ticket."""

    def __init__(self, *args: Any, gerbil: Gerbil, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "stream_handler": self._opened})
        self._gerbil = gerbil
        self._tasks: set[asyncio.Task[None]] = set()

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._admit(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ok = self._gerbil.admit((await read_head(reader)).get("ticket"), self)
        writer.write(head(ok=ok))
        if not ok:
            self.close()

    def quic_event_received(self, event: QuicEvent) -> None:
        """Forget the tunnel when it ends."""
        super().quic_event_received(event)
        if isinstance(event, ConnectionTerminated):
            self._gerbil.gone(self)


class _Datagrams(asyncio.DatagramProtocol):
    """A UDP port: a stream a sender."""

    def __init__(self, gerbil: Gerbil, site: int, port: int) -> None:
        self._gerbil, self._site, self._port = gerbil, site, port
        self._writers: dict[Any, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket."""
        self._transport = transport

    def datagram_received(self, data: bytes, sender: Any) -> None:
        """Pass one on."""
        task = asyncio.ensure_future(self._pass(data, sender))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, data: bytes, sender: Any) -> None:
        if sender in self._writers:
            self._writers[sender].write(datagram(data))
            return
        found = await self._gerbil.stream(self._site, "udp", self._port)
        if found is None:
            return
        reader, writer = found
        self._writers[sender] = writer
        writer.write(datagram(data))
        while answer := await read_datagram(reader):
            self._transport.sendto(answer, sender)
        del self._writers[sender]


class Gerbil:
    """Tunnels by site, and the sockets at their addresses."""

    def __init__(self) -> None:
        self._tickets: dict[str, int] = {}
        self._tunnels: dict[int, Client] = {}
        self._open: dict[tuple[str, int, str], Any] = {}

    def admit(self, ticket: Any, client: Client) -> bool:
        """Whether the ticket is a site's; its tunnel is this client's from now on."""
        site = self._tickets.get(ticket) if isinstance(ticket, str) else None
        if site is not None:
            self._tunnels[site] = client
        return site is not None

    def gone(self, client: Client) -> None:
        """Forget a client's tunnel."""
        self._tunnels = {site: known for site, known in self._tunnels.items() if known is not client}

    async def stream(
        self, site: int, protocol: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Open a stream to a site's client; none while its tunnel is down."""
        client = self._tunnels.get(site)
        if client is None:
            return None
        reader, writer = await client.create_stream()
        writer.write(head(protocol=protocol, port=port))
        return reader, writer

    async def apply(self, config: dict[str, Any]) -> None:
        """Have the sockets that Pangolin asks for, and no others."""
        sites = config.get("standIn", [])
        self._tickets = {item["ticket"]: item["site"] for item in sites}
        wanted = {
            (item["address"], target["port"], target["protocol"]): item["site"]
            for item in sites
            for target in item["targets"]
        }
        for key in self._open.keys() - wanted.keys():
            self._open.pop(key).close()
        for key, site in wanted.items():
            if key not in self._open:
                # An address that is in use is tried again with the next configuration
                with contextlib.suppress(OSError):
                    self._open[key] = await self._listen(*key, site)

    async def _listen(self, address: str, port: int, protocol: str, site: int) -> Any:
        if protocol == "udp":
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self, site, port), local_addr=(address, port)
            )
            return transport

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found = await self.stream(site, "tcp", port)
            if found is None:
                writer.close()
                return
            await join((reader, writer), found)

        return await asyncio.start_server(connected, address, port)

    async def serve(self, key: Path, host: str, port: int) -> Any:
        """Take tunnels on a UDP port."""
        configuration = QuicConfiguration(is_client=False, alpn_protocols=[ALPN], idle_timeout=IDLE)
        configuration.load_cert_chain(str(key), str(key))
        print(f"listening for tunnels on {port}/udp", file=sys.stderr, flush=True)
        return await serve(
            host, port, configuration=configuration, create_protocol=lambda *a, **k: Client(*a, gerbil=self, **k)
        )
