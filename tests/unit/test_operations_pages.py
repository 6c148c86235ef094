"""docs/faults.md and docs/operations.md are those of this commit."""

import ast
from pathlib import Path

from estate.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]


def faults():
    """The names in the markers of the fault tests."""
    found = set()
    for path in (ROOT / "tests" / "lab" / "faults").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                found.add(ast.literal_eval(node.args[0]))
    return found


def test_the_matrix_lists_every_fault_and_all_of_them_pass():
    rows = [line.split(" | ") for line in (ROOT / "docs" / "faults.md").read_text().splitlines() if " | " in line][1:]
    assert {row[0].removeprefix("| ") for row in rows} == faults(), "`make faults` writes it"
    assert all(row[-1] == "passed |" for row in rows)
    assert len(rows) >= 25


def test_every_exit_code_is_explained():
    text = (ROOT / "docs" / "operations.md").read_text()
    for code in ExitCode:
        assert f"| {int(code)} | {code.name.lower().replace('_', ' ')} |" in text
