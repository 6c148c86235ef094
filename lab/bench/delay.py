"""A slow road: two TUN devices, and every packet that enters one leaves the other a fixed time later.

    python -m lab.bench.delay NEAR FAR MILLISECONDS

It works on packets, so the ends still shake hands, acknowledge and grow their windows over the delay; a
proxy would do that for them. The devices live as long as this process, and it ends with its standard input:
whoever started it may die in any way and nothing stays behind.
"""

import asyncio
import fcntl
import os
import struct
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
_BURST = 128
_LARGEST = 65_536


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


class Relay:
    """Moves packets from one device to the other over a line."""

    def __init__(self, loop: asyncio.AbstractEventLoop, source: int, sink: int, delay: float) -> None:
        self._loop = loop
        self._source = source
        self._sink = sink
        self._line = Line(loop.time, delay)
        self._armed = False
        loop.add_reader(source, self._take)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            for _ in range(_BURST):
                self._line.enter(os.read(self._source, _LARGEST))
        self._arm()

    def _arm(self) -> None:
        at = self._line.next_arrival
        if at is not None and not self._armed:
            self._armed = True
            self._loop.call_at(at, self._deliver)

    def _deliver(self) -> None:
        self._armed = False
        for packet in self._line.arrived():
            with suppress(OSError):  # a device that is full or down loses packets, as a road may
                os.write(self._sink, packet)
        self._arm()


def make_device(name: str) -> int:
    """Make a TUN device that vanishes with the returned descriptor."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _TUN_WITHOUT_HEADER))
    return device


def main(near: str, far: str, milliseconds: str) -> None:
    """Relay between two new devices until standard input ends."""
    a, b = make_device(near), make_device(far)
    delay = float(milliseconds) / 1000
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
