"""docs/faults.md: the matrix as its last full run left it."""

from estate.exit_codes import ExitCode

HEAD = """# Faults

Each row is a fault that tests/lab/faults injects into a real run in the lab, what the operator sees, and what the run
ends with ([operations.md](operations.md) says what to do). After every one of them the test deploys once more and finds
everything as declared. Written by `make faults` from the results.

| Fault | What the operator sees | Exit code | Result |
|---|---|---|---|
"""


def page(rows, failed):
    """The table as Markdown."""
    lines = []
    for name in sorted(rows, key=str.lower):
        row = rows[name]
        codes = ", ".join(f"{code} ({ExitCode(code).name.lower().replace('_', ' ')})" for code in row["codes"])
        lines.append(f"| {name} | {row['sees']} | {codes} | {'FAILED' if name in failed else 'passed'} |\n")
    return HEAD + "".join(lines)
