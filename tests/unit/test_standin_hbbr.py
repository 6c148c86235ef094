"""Contract of hbbr's stand-in: pairs are joined, and only those with the key."""

import asyncio

import pytest

from lab.standins.hbbr.__main__ import serve


def relay(key, *lines):
    async def scene():
        server = await serve(key, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        peers = []
        for text in lines:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(text)
            peers.append((reader, writer))
            await asyncio.sleep(0.05)
        (one, _), (_, other) = peers
        other.write(b"data")
        other.write_eof()
        answer = await asyncio.wait_for(one.read(), 5)
        server.close()
        return answer

    return asyncio.run(scene())


def test_a_pair_with_the_key_is_joined():
    assert relay("K", b"RELAY x K\n", b"RELAY x K\n") == b"JOINED\ndata"


def test_without_a_key_it_is_an_open_relay():
    assert relay("", b"RELAY x\n", b"RELAY x\n") == b"JOINED\ndata"


@pytest.mark.parametrize("line", [b"RELAY x\n", b"RELAY x other\n", b"nonsense\n"])
def test_who_has_not_the_key_is_turned_away(line):
    assert relay("K", line, b"RELAY x K\n") == b""
