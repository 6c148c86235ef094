"""Does what was restored hold what was backed up? Compares recorded evidence with what is there now (pure).

Evidence is plain data: `{"tables": {"public.users": 12}}`, `{"keys": [40, 42]}`, `{"files": 7, "bytes": 1234}`.
A key of the record that nothing was found for is a fault: a proof that cannot be made is not green.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN = 3
"""So many differences are named; the rest are counted."""


@dataclass(frozen=True)
class Finding:
    """What a comparison showed: sentences of what is proven, and of what is wrong."""

    proofs: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Something is proven and nothing is wrong."""
        return bool(self.proofs) and not self.faults

    def __add__(self, other: Finding) -> Finding:
        return Finding(self.proofs + other.proofs, self.faults + other.faults)


def proof(text: str) -> Finding:
    """Something that is proven."""
    return Finding(proofs=(text,))


def fault(text: str) -> Finding:
    """Something that is wrong."""
    return Finding(faults=(text,))


def together(findings: Iterable[Finding]) -> Finding:
    """All of them as one."""
    result = Finding()
    for finding in findings:
        result += finding
    return result


def counts(what: str, recorded: Mapping[str, int], found: Mapping[str, int]) -> Finding:
    """Row counts by table: every table of the record is there with as many rows, and no other has come.

    + what: of which database, for the sentences
    """
    wrong = [
        f"{table}: {found.get(table, 'missing')} instead of {rows}"
        for table, rows in sorted(recorded.items())
        if found.get(table) != rows
    ]
    wrong += [f"{table}: is not in the set" for table in sorted(found.keys() - recorded.keys())]
    if wrong:
        return fault(f"{what}: rows differ: {_some(wrong)}")
    if not recorded:
        return proof(f"{what}: no tables, as recorded")
    return proof(f"{what}: rows of {_of(len(recorded), 'table')} equal, {sum(recorded.values())} in all")


def drifted(what: str, recorded: Mapping[str, int], found: Mapping[str, int]) -> Finding:
    """Row counts of a service that is already in use: its clients may write, but what was there must not be gone."""
    lost = [f"{table}: missing" for table in sorted(recorded.keys() - found.keys())]
    lost += [
        f"{table}: empty instead of {rows}"
        for table, rows in sorted(recorded.items())
        if rows and not found.get(table, 1)
    ]
    if lost:
        return fault(f"{what}: rows are lost: {_some(lost)}")
    moved = sum(1 for table, rows in recorded.items() if found[table] != rows)
    if moved:
        return proof(f"{what}: {_of(len(recorded), 'table')} there; {moved} written to since the restore")
    return counts(what, recorded, {table: found[table] for table in recorded})


def between(what: str, recorded: Sequence[int], found: int, gone: int = 0) -> Finding:
    """A number that moved while the set was made: it must lie between the smallest and the greatest that were seen.

    + gone: so many may have been among them and have ended since
    """
    low, high = min(recorded), max(recorded)
    expected = f"{low}" if low == high else f"{low} to {high}"
    if found <= high and found + gone >= low:
        return proof(f"{what}: {found} of {expected}")
    return fault(f"{what}: {found} instead of {expected}")


def tree(what: str, recorded: Mapping[str, Any], found: Mapping[str, Any]) -> Finding:
    """Unpacked files: as many, of as many bytes, and with the digest of all paths and contents."""
    if dict(recorded) == dict(found):
        return proof(f"{what}: {_of(found['files'], 'file')} equal, {_of(found['bytes'], 'byte')} in all")
    return fault(f"{what}: {dict(found)} instead of {dict(recorded)}")


def listing(what: str, recorded: Mapping[str, Mapping[str, Any]], found: Mapping[str, tuple[int, str]]) -> Finding:
    """Files by path: all of them, no other, with size and sha256.

    + found: by path, the size in bytes and the sha256 of what lies there now
    """
    wrong = []
    for path, entry in sorted(recorded.items()):
        if path not in found:
            wrong.append(f"{path}: missing")
        elif found[path] != (entry["size"], entry["sha256"]):
            wrong.append(f"{path}: other content")
    wrong += [f"{path}: is not in the set" for path in sorted(found.keys() - recorded.keys())]
    if wrong:
        return fault(f"{what}: {_some(wrong)}")
    return proof(f"{what}: hashes of {_of(len(recorded), 'object')} equal")


def _some(wrong: list[str]) -> str:
    more = len(wrong) - SHOWN
    return "; ".join(wrong[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _of(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
