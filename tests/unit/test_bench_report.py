import pytest

from lab.bench.measure import Row
from lab.bench.report import END, START, machine, markdown, replace_section
from lab.errors import LabError

ROWS = [
    Row("no-op, `-y`", "mainframe", {"mainframe": 7}, {0: [3.0, 2.0, 9.0], 150: [7.1]}),
    Row("no-op, `-y`", "all 3 hosts", {"mainframe": 7, "vps": 3, "omv": 2}, {0: [4.0]}),
]


def test_the_table_shows_commands_and_the_median_of_the_seconds():
    text = markdown(ROWS, (0, 150), 3, "make bench", "2 cores")
    assert "| run | hosts | remote commands, mainframe | others, each | seconds, 0 ms | seconds, 150 ms |" in text
    assert "| no-op, `-y` | mainframe | 7 | - | 3.0 | 7.1 |" in text
    assert "| no-op, `-y` | all 3 hosts | 7 | 3 | 4.0 | - |" in text


def test_only_the_generated_section_is_replaced():
    text = f"# Cost\n{START}\nold\n{END}\nHow to read it.\n"
    assert replace_section(text, "new") == f"# Cost\n{START}\nnew\n{END}\nHow to read it.\n"
    assert replace_section(replace_section(text, "new"), "new") == replace_section(text, "new")


@pytest.mark.parametrize("text", ["", START, f"{END} {START}"])
def test_a_file_without_both_markers_is_refused(text):
    with pytest.raises(LabError, match="bench:start"):
        replace_section(text, "new")


@pytest.mark.parametrize(
    ("meminfo", "memory"),
    [("MemTotal:       25165824 kB\n", "24 GiB of memory"), ("", "unknown memory")],
)
def test_the_machine_is_told_in_cores_and_memory(meminfo, memory):
    assert machine(2, meminfo) == f"2 cores, {memory}, shared by the controller and all hosts"
