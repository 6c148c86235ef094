"""What ran on the hosts, from their own journals: one file a run on each; a run is put together from all of them."""

import shlex
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import ValidationError

from estate.inventory import Ssh
from estate.models.faults import EstateFaults
from estate.remote import run_as_root
from estate.run.record import HostRecord, RunRecord
from estate.run.report import utc

JOURNAL = "/var/lib/estate/journal"
"""On each host: RUN.json, the JSON of a RunRecord with just this host."""
_THREADS = 32
_TIMEOUT = 60
"""Seconds for one host's answer."""

_SEVERITY = (
    *("done", "changes", "usage", "locked", "refused"),
    *("interrupted", "returned", "unreachable", "failed", "not_returned"),
)
"""Outcomes, the worst last: a run ended as badly as it did on its worst host."""


@dataclass(frozen=True)
class Journal:
    """What a host answered.

    + broken: the names of files that are no records
    + problem: why there is no answer, with `unreachable` when no connection could be had
    """

    host: str
    records: tuple[RunRecord, ...] = ()
    broken: tuple[str, ...] = ()
    problem: str = ""
    unreachable: bool = False


def read_script(last: int, directory: str = JOURNAL) -> str:
    """A script that prints the last files of a journal, a line each: the name, a tab, the JSON without line ends.

    Nothing for a host without a journal. A line end within JSON text is written as \\n, so those removed mean nothing.
    """
    return (
        f"[ -d {shlex.quote(directory)} ] || exit 0; cd {shlex.quote(directory)} || exit 1; "
        f"LC_ALL=C ls -1 | LC_ALL=C grep '\\.json$' | tail -n {last:d} | while IFS= read -r name; do "
        '[ -f "$name" ] || continue; printf "%s\\t" "$name"; tr -d "\\r\\n" < "$name"; echo; done'
    )


def parse(host: str, text: str) -> Journal:
    """A host's answer, in the order it was given; a file that is no record is named, the others count."""
    records, broken = [], []
    # not splitlines(): JSON may hold other characters that it takes for the end of a line
    for line in text.split("\n"):
        if not line:
            continue
        name, _, content = line.partition("\t")
        try:
            records.append(RunRecord.model_validate_json(content))
        except ValidationError:
            broken.append(name)
    return Journal(host, tuple(records), tuple(broken))


def read(host: str, ssh: Ssh, last: int) -> Journal:
    """Read the last files of a host's journal; that it cannot be had is an answer too, not an error."""
    try:
        outcome = run_as_root(host, ssh, read_script(last), timeout=_TIMEOUT)
    except EstateFaults as error:
        return Journal(host, problem="; ".join(fault.fault for fault in error.faults), unreachable=True)
    if outcome.code != 0:
        words = outcome.stderr.strip().splitlines()
        reason = words[-1] if words else f"exit code {outcome.code}"
        return Journal(host, problem=f"its journal cannot be read: {reason}")
    return parse(host, outcome.stdout)


def read_all(hosts: Mapping[str, Ssh], last: int) -> list[Journal]:
    """Read the journals of all hosts at once, in the order given."""
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        return list(pool.map(lambda item: read(item[0], item[1], last), hosts.items()))


def worst(outcomes: Iterable[str]) -> str:
    """The worst of some outcomes; one that is unknown or empty (a run that never ended) is worse than any other."""
    found = [(_SEVERITY.index(o) if o in _SEVERITY else len(_SEVERITY), o) for o in outcomes]
    return max(found)[1] if found else ""


def _ended(part: RunRecord) -> str:
    """How a run ended by one host's record; empty if that says nothing at all."""
    return worst(outcome for outcome in (part.outcome, *(host.outcome for host in part.hosts)) if outcome)


def _union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Every text once, in the order of its first appearance."""
    return tuple(dict.fromkeys(text for texts in lists for text in texts))


def _one(parts: list[RunRecord]) -> RunRecord:
    """One run from what its hosts know of it; who and what is the same on all of them."""
    parts = sorted(parts, key=lambda part: (utc(part.began), [host.name for host in part.hosts]))
    hosts: dict[str, HostRecord] = {}
    for host in (host for part in parts for host in part.hosts):
        hosts.setdefault(host.name, host)
    return parts[0].model_copy(
        update={
            "began": utc(parts[0].began),
            "seconds": max(part.seconds for part in parts),
            "outcome": worst(map(_ended, parts)),
            "hosts": tuple(hosts[name] for name in sorted(hosts)),
            **{name: _union(getattr(part, name) for part in parts) for name in ("faults", "quarantined", "notices")},
        }
    )


def merge(records: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs that the hosts' records tell of, the newest first: one a run, with all of its hosts, by name.

    A run is as long as on its slowest host, and ended as on its worst.
    """
    by_run: dict[str, list[RunRecord]] = {}
    for record in records:
        by_run.setdefault(record.run, []).append(record)
    merged = [_one(parts) for parts in by_run.values()]
    return sorted(merged, key=lambda run: (run.began, run.run), reverse=True)
