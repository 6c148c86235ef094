"""The road between hub and spokes: as slow as asked, in order, without loss, and it follows a spoke that moves."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from estate.edge.cities import CITIES
from lab import road
from lab.cities import delays

REPO = Path(__file__).resolve().parents[2]
INDEX = 9_001


def udp():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024**2)
    made.bind(("127.0.0.1", 0))
    made.settimeout(5)
    return made


class Hub:
    """Sends every packet back; remembers from where they came."""

    def __init__(self):
        self.socket = udp()
        self.seen = set()
        threading.Thread(target=self._echo, daemon=True).start()

    def _echo(self):
        self.socket.settimeout(None)
        while True:
            try:
                packet, source = self.socket.recvfrom(65_536)
            except OSError:
                return
            self.seen.add(source)
            self.socket.sendto(packet, source)


class Lab:
    def __init__(self, folder, hub):
        self.folder = folder
        self.hub = hub
        self.config({"tokyo": INDEX, "seoul": INDEX + 1})

    def config(self, spokes):
        text = {"hub": f"127.0.0.1:{self.hub.socket.getsockname()[1]}", "listen": "127.0.0.1", "spokes": spokes}
        self._write("config.json", text)

    def delays(self, **rtts):
        self._write("delays.json", rtts)

    def _write(self, name, value):
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps(value))
        new.rename(self.folder / name)


@pytest.fixture
def lab(tmp_path):
    hub = Hub()
    yield Lab(tmp_path, hub)
    hub.socket.close()


@pytest.fixture
def running(lab):
    lab.delays(tokyo=80, seoul=0)
    argv = [sys.executable, "-m", "lab.road", str(lab.folder / "config.json")]
    with subprocess.Popen(argv, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.stdin.close()
        assert process.wait(timeout=5) == 0


def ask(spoke, index, text=b"x"):
    began = time.monotonic()
    spoke.sendto(text, ("127.0.0.1", road.FIRST_PORT + index))
    answer = spoke.recv(100)
    assert answer == text
    return (time.monotonic() - began) * 1000


def fastest(spoke, index):
    return min(ask(spoke, index) for _ in range(4))


def test_a_round_trip_takes_as_long_as_the_spokes_delay_says(lab, running):
    spoke = udp()
    assert 80 <= fastest(spoke, INDEX) < 120
    assert fastest(spoke, INDEX + 1) < 40


def test_the_hub_sees_each_spoke_at_an_address_of_its_own(lab, running):
    for index in (INDEX, INDEX + 1):
        ask(udp(), index)
    assert len(lab.hub.seen) == 2


def test_a_spoke_that_moves_is_answered_where_it_is_and_looks_the_same_to_the_hub(lab, running):
    ask(udp(), INDEX)
    ask(udp(), INDEX)
    assert len(lab.hub.seen) == 1


def test_a_delay_changes_while_it_runs_and_a_broken_file_changes_nothing(lab, running):
    spoke = udp()
    lab.delays(**{"*": 150})
    deadline = time.monotonic() + 5
    while fastest(spoke, INDEX + 1) < 150:
        assert time.monotonic() < deadline
    (lab.folder / "delays.json").write_text("{")
    time.sleep(0.5)
    assert fastest(spoke, INDEX + 1) >= 150


def test_a_spoke_is_added_and_one_taken_away(lab, running):
    lab.config({"tokyo": INDEX, "mumbai": INDEX + 2})
    time.sleep(0.7)
    assert fastest(udp(), INDEX + 2) < 40
    gone = udp()
    gone.settimeout(0.3)
    with pytest.raises(OSError):  # refused or no answer
        ask(gone, INDEX + 1)


def test_two_thousand_packets_a_second_arrive_all_and_in_order(lab, running):
    spoke, count = udp(), 2000
    got = []
    reader = threading.Thread(target=lambda: [got.append(int(spoke.recv(100))) for _ in range(count)])
    reader.start()
    began = time.monotonic()
    for number in range(count):
        spoke.sendto(b"%d" % number, ("127.0.0.1", road.FIRST_PORT + INDEX))
        time.sleep(max(0.0, began + (number + 1) / 2000 - time.monotonic()))
    reader.join(timeout=10)
    assert got == list(range(count))


class Clock:
    """A loop whose time we make."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def time(self):
        return self.now

    def call_at(self, at, call):
        self.calls.append((at, call))

    def pass_to(self, now):
        self.now = now
        due, self.calls = [c for c in self.calls if c[0] <= now], [c for c in self.calls if c[0] > now]
        for _, call in due:
            call()


def test_a_shorter_delay_lets_no_packet_overtake():
    clock, out = Clock(), []
    way = road.Way(clock, out.append)
    way.delay = 1.0
    way.enter(b"1")
    way.delay = 0.0
    way.enter(b"2")
    clock.pass_to(0.5)
    assert out == []
    clock.pass_to(1.0)
    assert out == [b"1", b"2"]


def test_a_signal_ends_it(lab):
    argv = [sys.executable, "-m", "lab.road", str(lab.folder / "config.json")]
    with subprocess.Popen(argv, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, 15)
        assert process.wait(timeout=5) == 0


def test_latencies_are_the_cities_or_one_for_all():
    assert delays("cities", ["tokyo", "zurich"]) == {"tokyo": CITIES["Tokyo"].rtt, "zurich": CITIES["Zurich"].rtt}
    assert delays("150", ["a", "b"]) == {"a": 150, "b": 150}
    for wrong in ("far", "-1", "99999"):
        with pytest.raises(ValueError):
            delays(wrong, ["a"])
