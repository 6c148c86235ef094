"""Pictures of a terminal: what a command wrote is drawn, and nothing is fetched for it."""

import sys
from xml.etree import ElementTree

import pytest

from lab.paths import REPO
from lab.picture import Scene, lines_of, record, svg, words_of


def test_a_command_believes_in_a_terminal_of_120_columns():
    code = "import os, sys; print(os.get_terminal_size().columns, sys.stdout.isatty()); sys.exit(6)"
    written, status = record([sys.executable, "-c", code])
    assert (written.strip(), status) == ("120 True", 6)


def test_colours_are_kept_and_paths_of_this_machine_are_not():
    (line,) = lines_of(f"\x1b[31mred\x1b[0m {REPO}/inventories/lab.py\r\n")
    assert line.plain == "red inventories/lab.py"
    assert line.spans[0].style.color.number == 1


@pytest.mark.parametrize(("last", "expected"), [(0, ["a", "b", "c"]), (3, ["a", "b", "c"]), (1, ["  […]", "c"])])
def test_only_the_last_lines_are_drawn_when_asked_for(last, expected):
    assert [line.plain for line in lines_of("a\r\nb\r\nc\r\n", last)] == expected


def test_a_picture_is_well_formed_the_same_every_time_and_needs_no_network():
    lines = lines_of("\x1b[32m16 current\x1b[0m <&> ä\r\n" + "x" * 200)
    picture = svg("estate edge status inventories/lab.py", lines)
    assert picture == svg("estate edge status inventories/lab.py", lines)
    root = ElementTree.fromstring(picture)  # noqa: S314 - our own
    assert "16\xa0current" in "".join(root.itertext())
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    assert "x" * 121 not in picture


def test_the_commands_are_those_of_the_docs():
    assert words_of(Scene.STATUS, "inventories/lab.py") == ["estate", "edge", "status", "inventories/lab.py"]
    assert words_of(Scene.ROLLOUT, "inventories/lab.py")[-1] == "--yes"
