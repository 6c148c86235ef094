"""The internet between the lab's hub and its spokes: a UDP relay with a delay for each spoke.

    python -m lab.road CONFIG.json

A spoke's WireGuard has port 52000 + index here for its hub's endpoint. Packets go on to the hub from a socket of the
spoke's own, as from behind a NAT, and come back to wherever the spoke was heard last, so that spokes may roam. Each
way takes half of the spoke's round trip; nothing is reordered, not even when the delay changes.

CONFIG.json: {"hub": "10.99.0.101:51820", "listen": "0.0.0.0", "spokes": {"tokyo": 2}, "delays": "delays.json"}
delays.json, beside it: {"tokyo": 236, "*": 0}, round trips in milliseconds; "*" is for those that are not named, and
without it they have no delay. Both files are read again when they change; what cannot be read changes nothing.

Prints "ready" when every socket is bound, and ends with its standard input, SIGTERM or SIGINT. Python's standard
library is all it needs: it also runs as `python3 road.py` in a container that has no more than that.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIRST_PORT = 52_000
_LARGEST = 65_536
_BURST = 64
_BUFFER = 4 * 1024**2
_LOOK = 0.3
"""Seconds between two looks at the files."""


class Way:
    """One direction of one spoke: what is under way, each packet with the time of its arrival."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._armed = False
        self.delay = 0.0

    def enter(self, packet: bytes) -> None:
        """Take a packet; it never overtakes the one before it."""
        at = self._loop.time() + self.delay
        if self._under_way:
            at = max(at, self._under_way[-1][0])
        elif self.delay <= 0:
            self._deliver(packet)
            return
        self._under_way.append((at, packet))
        self._arm()

    def _arm(self) -> None:
        if self._under_way and not self._armed:
            self._armed = True
            self._loop.call_at(self._under_way[0][0], self._arrive)

    def _arrive(self) -> None:
        self._armed = False
        now = self._loop.time()
        while self._under_way and self._under_way[0][0] <= now:
            self._deliver(self._under_way.popleft()[1])
        self._arm()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    return made


class Spoke:
    """A spoke's two sockets and the two ways between them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listen: tuple[str, int], hub: tuple[str, int]) -> None:
        self._loop = loop
        self._near, self._far = _socket(), _socket()
        self._near.bind(listen)
        self._far.connect(hub)
        self._heard: tuple[str, int] | None = None
        self._out, self._back = Way(loop, self._to_hub), Way(loop, self._to_spoke)
        loop.add_reader(self._near, self._from_spoke)
        loop.add_reader(self._far, self._from_hub)

    @property
    def port(self) -> int:
        """The port that the spoke sends to."""
        return int(self._near.getsockname()[1])

    def take(self, milliseconds: float) -> None:
        """Set the round trip."""
        self._out.delay = self._back.delay = milliseconds / 2000

    def _from_spoke(self) -> None:
        # An ICMP error of an earlier packet comes as an error of this call
        with suppress(OSError):
            for _ in range(_BURST):
                packet, self._heard = self._near.recvfrom(_LARGEST)
                self._out.enter(packet)

    def _from_hub(self) -> None:
        with suppress(OSError):
            for _ in range(_BURST):
                self._back.enter(self._far.recv(_LARGEST))

    def _to_hub(self, packet: bytes) -> None:
        with suppress(OSError):  # a full buffer or a dead hub loses packets, as the internet does
            self._far.send(packet)

    def _to_spoke(self, packet: bytes) -> None:
        if self._heard is not None:
            with suppress(OSError):
                self._near.sendto(packet, self._heard)

    def close(self) -> None:
        """Forget it."""
        for made in (self._near, self._far):
            self._loop.remove_reader(made)
            made.close()


@dataclass
class Watched:
    """A JSON file that is read again when it changes."""

    path: Path
    value: dict[str, Any] = field(default_factory=dict)
    _seen: tuple[int, int] | None = None

    def changed(self) -> bool:
        """Whether it says something else than before."""
        try:
            status = self.path.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen == self._seen:
                return False
            value = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return False
        if not isinstance(value, dict):
            return False
        self._seen, before, self.value = seen, self.value, value
        return bool(value != before)


class Road:
    """All spokes, kept as the files say."""

    def __init__(self, loop: asyncio.AbstractEventLoop, config: Path) -> None:
        self._loop = loop
        self._config = Watched(config)
        self._delays = Watched(config)
        self._spokes: dict[tuple[str, int, str, str], Spoke] = {}
        if not self._config.changed():
            raise SystemExit(f"{config}: cannot be read")
        self._open()

    def _open(self) -> None:
        config = self._config.value
        self._delays = Watched(self._config.path.parent / config.get("delays", "delays.json"))
        hub, listen = config["hub"], config.get("listen", "0.0.0.0")  # noqa: S104 - spokes are on other hosts
        wanted = {(name, int(index), hub, listen) for name, index in config["spokes"].items()}
        for key in self._spokes.keys() - wanted:
            self._spokes.pop(key).close()
        address, _, port = hub.rpartition(":")
        for key in sorted(wanted - self._spokes.keys()):
            self._spokes[key] = Spoke(self._loop, (listen, FIRST_PORT + key[1]), (address, int(port)))
        self._delays.changed()
        self._take()

    def _take(self) -> None:
        delays = self._delays.value
        for (name, *_), spoke in self._spokes.items():
            spoke.take(float(delays.get(name, delays.get("*", 0))))

    def look(self) -> None:
        """Look at the files, now and again."""
        if self._config.changed():
            self._open()
        elif self._delays.changed():
            self._take()
        self._loop.call_later(_LOOK, self.look)


def main(config: str) -> None:
    """Relay until standard input ends or a signal comes."""
    loop = asyncio.new_event_loop()
    road = Road(loop, Path(config))
    road.look()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, loop.stop)
    with suppress(PermissionError):  # a file or /dev/null cannot be waited for, and never ends
        loop.add_reader(0, lambda: None if os.read(0, 1) else loop.stop())
    print("ready", flush=True)
    loop.run_forever()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
