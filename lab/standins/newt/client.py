"""The client: asks Pangolin what goes through its tunnel, keeps the tunnel, and connects what comes to its target."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.quic.configuration import QuicConfiguration

from lab.standins.tunnel.streams import datagram, head, join, read_datagram, read_head

ALPN = "estate-lab-tunnel"
NAME = "gerbil.lab"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
SECONDS = 3.0
"""Between two times that the blueprint is applied."""


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    endpoint: str
    newt: str
    secret: str
    blueprint: Path | None
    health: Path | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read it. Raises KeyError for what is missing."""
        blueprint, health = environment.get("BLUEPRINT_FILE"), environment.get("HEALTH_FILE")
        return cls(
            environment["PANGOLIN_ENDPOINT"].rstrip("/"),
            environment["NEWT_ID"],
            environment["NEWT_SECRET"],
            Path(blueprint) if blueprint else None,
            Path(health) if health else None,
        )


class PangolinError(Exception):
    """Pangolin does not answer, or refuses."""


class Newt:
    """The client's state: what goes through, and the tunnel."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.targets: dict[tuple[str, int], tuple[str, int]] = {}
        self._token = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "X-CSRF-Token": "x-csrf-protection"}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self.settings.endpoint}/api/v1{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
        context = ssl.create_default_context(cafile=str(AUTHORITIES) if AUTHORITIES.exists() else None)
        try:
            with urllib.request.urlopen(request, timeout=7, context=context) as answer:  # noqa: S310
                document: dict[str, Any] = json.load(answer)["data"]
                return document
        except urllib.error.HTTPError as fault:
            text = fault.read().decode(errors="replace")[:300]
            if fault.code == 401:
                self._token = ""
            raise PangolinError(f"{path}: status {fault.code}: {text}") from fault
        except (OSError, ValueError, KeyError) as fault:
            raise PangolinError(f"{path}: {fault}") from fault

    def register(self) -> dict[str, Any]:
        """Log in if needed, apply the blueprint, and learn of the tunnel. Raises PangolinError."""
        if not self._token:
            body = {"newtId": self.settings.newt, "secret": self.settings.secret}
            self._token = self._post("/auth/newt/get-token", body)["token"]
        blueprint = self.settings.blueprint.read_text() if self.settings.blueprint else ""
        found = self._post("/estate-lab/newt", {"blueprint": blueprint})
        self.targets = {(t["protocol"], t["port"]): (t["to"], t["toPort"]) for t in found["targets"]}
        return found

    def healthy(self, ok: bool) -> None:
        """Make or remove the health file."""
        if self.settings.health and ok:
            self.settings.health.touch()
        elif self.settings.health:
            self.settings.health.unlink(missing_ok=True)

    async def run(self) -> None:
        """Keep the tunnel for ever."""
        while True:
            try:
                found = await asyncio.to_thread(self.register)
                await self._tunnel(found)
            except (TimeoutError, PangolinError, ConnectionError, OSError) as fault:
                print(f"no tunnel: {fault}", file=sys.stderr, flush=True)
            self.healthy(False)
            await asyncio.sleep(SECONDS)

    async def _tunnel(self, found: dict[str, Any]) -> None:
        if not found["certificate"]:
            raise PangolinError("Gerbil has not been there yet")
        configuration = QuicConfiguration(is_client=True, alpn_protocols=[ALPN], idle_timeout=15.0, server_name=NAME)
        configuration.load_verify_locations(cadata=found["certificate"].encode())
        async with asyncio.timeout(10):
            connection = connect(
                found["endpoint"], found["port"], configuration=configuration, stream_handler=self._opened
            )
            protocol = await connection.__aenter__()
        try:
            reader, writer = await protocol.create_stream()
            writer.write(head(ticket=found["ticket"]))
            if not (await asyncio.wait_for(read_head(reader), 10)).get("ok"):
                raise PangolinError("Gerbil does not know this site")
            print("tunnel is up", file=sys.stderr, flush=True)
            while True:
                await asyncio.wait_for(protocol.ping(), 7)
                self.healthy(True)
                await asyncio.sleep(SECONDS)
                await asyncio.to_thread(self.register)
        finally:
            with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
                await asyncio.wait_for(connection.__aexit__(None, None, None), 3)

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_head(reader)
        target = self.targets.get((asked.get("protocol", ""), asked.get("port", 0)))
        try:
            if target is None:
                writer.close()
            elif asked["protocol"] == "udp":
                await _datagrams(target, reader, writer)
            else:
                await join((reader, writer), await asyncio.wait_for(asyncio.open_connection(*target), 10))
        except (TimeoutError, OSError) as fault:
            print(f"{target}: {fault}", file=sys.stderr, flush=True)
            writer.close()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def datagram_received(self, data: bytes, sender: Any) -> None:
        """Send the target's answer back."""
        self._writer.write(datagram(data))


async def _datagrams(target: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Answers(writer), remote_addr=target)
    try:
        # As long as Newt's own idle timeout of a UDP flow
        while data := await asyncio.wait_for(read_datagram(reader), 90):
            transport.sendto(data)
    finally:
        transport.close()
        writer.close()
