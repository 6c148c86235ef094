"""Bytes and datagrams over the streams of a tunnel."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

LIMIT = 65536
"""Bytes that are read at once, and the longest first line of a stream."""


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, and pass the end on."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while data := await reader.read(LIMIT):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError, OSError, RuntimeError, AssertionError):
        writer.write_eof()


async def join(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter], other: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Copy both ways until both have ended, then close."""
    await asyncio.gather(pump(one[0], other[1]), pump(other[0], one[1]))
    for _, writer in (one, other):
        with contextlib.suppress(ConnectionError, OSError, RuntimeError, AssertionError):
            writer.close()


async def read_head(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Read the line of JSON that a stream begins with; empty for anything else."""
    try:
        document = json.loads(await reader.readline())
    except (ValueError, ConnectionError):
        return {}
    return document if isinstance(document, dict) else {}


def head(**words: object) -> bytes:
    """Write such a line."""
    return json.dumps(words).encode() + b"\n"


async def read_datagram(reader: asyncio.StreamReader) -> bytes:
    """Read one datagram; empty at the end."""
    try:
        size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def datagram(data: bytes) -> bytes:
    """Write one."""
    return len(data).to_bytes(2, "big") + data
