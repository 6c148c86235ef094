"""A slow road: two TUN devices, and every packet that enters one leaves the other a fixed time later.

    python -m lab.bench.delay NEAR FAR MILLISECONDS

It works on packets, so the ends still shake hands, acknowledge and grow their windows over the delay; a
proxy would do that for them. The devices live as long as this process, and it ends with its standard input:
whoever started it may die in any way and nothing stays behind.

MILLISECONDS is a number, or the path of a JSON object of IPv4 addresses and numbers: the delay of packets to
and from each; others are not delayed.
"""

import asyncio
import fcntl
import ipaddress
import json
import os
import struct
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
_BURST = 128
_LARGEST = 65_536
_SOURCE, _DESTINATION = slice(12, 16), slice(16, 20)
"""Where an IPv4 header has its addresses (RFC 791)."""

DelayOf = Callable[[bytes], float]
"""The seconds that a packet is to be under way."""


class Line:
    """Packets under way in one direction; the delay is the same for all, so they stay in order."""

    def __init__(self, clock: Callable[[], float], delay: float) -> None:
        self._clock = clock
        self._delay = delay
        self._under_way: deque[tuple[float, bytes]] = deque()

    def enter(self, packet: bytes) -> None:
        """Take a packet."""
        self._under_way.append((self._clock() + self._delay, packet))

    def arrived(self) -> list[bytes]:
        """The packets whose time has come."""
        now, out = self._clock(), []
        while self._under_way and self._under_way[0][0] <= now:
            out.append(self._under_way.popleft()[1])
        return out

    @property
    def next_arrival(self) -> float | None:
        """When the next packet will be there."""
        return self._under_way[0][0] if self._under_way else None


def delays(words: str) -> DelayOf:
    """From the command line's last word: how long each packet takes."""
    if not words.endswith(".json"):
        same = float(words) / 1000
        return lambda packet: same
    table = {
        ipaddress.IPv4Address(address).packed: float(milliseconds) / 1000
        for address, milliseconds in json.loads(Path(words).read_text()).items()
    }

    def delay(packet: bytes) -> float:
        return table.get(packet[_DESTINATION]) or table.get(packet[_SOURCE]) or 0.0

    return delay


class Relay:
    """Moves packets from one device to the other, those of one delay over one line."""

    def __init__(self, loop: asyncio.AbstractEventLoop, source: int, sink: int, delay: DelayOf) -> None:
        self._loop = loop
        self._source = source
        self._sink = sink
        self._delay = delay
        self._lines: dict[float, Line] = {}
        self._armed: set[float] = set()
        loop.add_reader(source, self._take)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            for _ in range(_BURST):
                packet = os.read(self._source, _LARGEST)
                delay = self._delay(packet)
                if delay not in self._lines:
                    self._lines[delay] = Line(self._loop.time, delay)
                self._lines[delay].enter(packet)
        for delay in self._lines:
            self._arm(delay)

    def _arm(self, delay: float) -> None:
        at = self._lines[delay].next_arrival
        if at is not None and delay not in self._armed:
            self._armed.add(delay)
            self._loop.call_at(at, self._deliver, delay)

    def _deliver(self, delay: float) -> None:
        self._armed.discard(delay)
        for packet in self._lines[delay].arrived():
            with suppress(OSError):  # a device that is full or down loses packets, as a road may
                os.write(self._sink, packet)
        self._arm(delay)


def make_device(name: str) -> int:
    """Make a TUN device that vanishes with the returned descriptor."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _TUN_WITHOUT_HEADER))
    return device


def main(near: str, far: str, milliseconds: str) -> None:
    """Relay between two new devices until standard input ends."""
    delay = delays(milliseconds)
    a, b = make_device(near), make_device(far)
    loop = asyncio.new_event_loop()
    Relay(loop, a, b, delay)
    Relay(loop, b, a, delay)
    loop.add_reader(0, lambda: None if os.read(0, 1) else loop.stop())
    print("ready", flush=True)
    loop.run_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
