"""Which backups a retention keeps (pve-docs vzdump.adoc, "Backup Retention")."""

from collections.abc import Mapping, Sequence
from datetime import datetime

_PERIODS = {
    "keep-hourly": "%Y-%m-%d %H",
    "keep-daily": "%Y-%m-%d",
    "keep-weekly": "%G-%V",
    "keep-monthly": "%Y-%m",
    "keep-yearly": "%Y",
}


def marks(times: Sequence[datetime], keep: Mapping[str, str]) -> list[str]:
    """For each backup, in the order given: `keep` or `remove`.

    Each option covers its own period; a backup that a finer one keeps does not count for a coarser.
    """
    found = ["remove"] * len(times)
    newest = sorted(range(len(times)), key=lambda index: times[index], reverse=True)
    wanted = {key: int(value) for key, value in keep.items()}
    if wanted.get("keep-all") or not any(wanted.values()):
        return ["keep"] * len(times)
    for index in newest[: wanted.get("keep-last", 0)]:
        found[index] = "keep"
    for option, form in _PERIODS.items():
        covered = {times[index].strftime(form) for index in newest if found[index] == "keep"}
        left = wanted.get(option, 0)
        for index in newest:
            period = times[index].strftime(form)
            if left and found[index] == "remove" and period not in covered:
                found[index], left = "keep", left - 1
                covered.add(period)
    return found
