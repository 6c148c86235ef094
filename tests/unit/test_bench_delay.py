import pytest

from lab.bench.delay import Line
from lab.bench.link import setup


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_packet_leaves_after_the_delay_and_not_before(clock):
    line = Line(clock, 0.075)
    line.enter(b"syn")
    clock.now = 0.074
    assert line.arrived() == []
    clock.now = 0.075
    assert line.arrived() == [b"syn"]
    assert line.arrived() == []


def test_packets_stay_in_order_and_keep_their_distance(clock):
    line = Line(clock, 1.0)
    for now, packet in ((0.0, b"1"), (0.0, b"2"), (0.5, b"3")):
        clock.now = now
        line.enter(packet)
    clock.now = 1.0
    assert line.arrived() == [b"1", b"2"]
    assert line.next_arrival == 1.5


def test_an_empty_line_waits_for_nothing(clock):
    assert Line(clock, 1.0).next_arrival is None


def test_the_road_changes_nothing_of_the_machine_but_its_own_interface():
    outside = [command for command in setup("br-lab") if command[1] not in {"netns", "-n"}]
    assert [(command[2], command[3]) for command in outside] == [
        ("add", "estate-bench"),
        ("set", "estate-bench"),
        ("set", "bench-near"),
        ("set", "bench-far"),
    ]


def test_names_of_interfaces_fit_the_kernel():
    for command in setup("br-lab"):
        if "dev" in command:
            assert len(command[command.index("dev") + 1]) <= 15
