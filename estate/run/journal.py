"""The host's journal: a file a run below /var/lib/estate/journal, written when the run leaves the host."""

import shlex

from estate.run.lock import Holder, release_script
from estate.run.record import HostRecord, RunRecord
from estate.secrets.redact import redact

DIRECTORY = "/var/lib/estate/journal"
KEPT = 200
"""Runs that a host remembers."""
SHORT = 16 * 1024
"""Characters of a record that may go with a command."""


def _without_diffs(record: RunRecord) -> RunRecord:
    """Diffs are for the report on the operator's machine: a command line has its limits."""
    hosts = []
    for host in record.hosts:
        operations = [
            operation.model_copy(update={"changes": tuple({**c, "diff": ""} for c in operation.changes)})
            for operation in host.operations
        ]
        hosts.append(host.model_copy(update={"operations": tuple(operations)}))
    return record.model_copy(update={"hosts": tuple(hosts)})


def interrupted_record(holder: Holder, estate: str, host: str) -> RunRecord:
    """The record of a run that ended without a word, from what its lock says."""
    return RunRecord.model_validate(
        {
            **{"run": holder.run, "estate": estate, "who": holder.who, "purpose": holder.purpose},
            **{"commit": "", "plan": "", "began": holder.since, "outcome": "interrupted"},
            "hosts": (HostRecord(name=host, outcome="interrupted"),),
        }
    )


def journal_text(record: RunRecord) -> str:
    """The record as one masked line."""
    return redact(_without_diffs(record).model_dump_json()) + "\n"


def write_script(run: str, *, over: bool = True) -> str:
    """Writes the record of a run that it reads, and forgets the oldest ones.

    + over: also over a record of that run which is there already
    """
    path = f"{DIRECTORY}/{run}.json"
    there = "" if over else f"[ ! -e {path} ] || {{ cat >/dev/null; exit 0; }}; "
    return (
        f"( umask 077; mkdir -p {DIRECTORY}; {there}cat >{path}.new && mv -f {path}.new {path}\n"
        f'ls {DIRECTORY} | head -n -{KEPT} | while read -r old; do rm -f {DIRECTORY}/"$old"; done ) || :\n'
    )


def leave_script(me: Holder, text: str, *, quiet: bool) -> tuple[str, str]:
    """What writes the run's record, if there is one, and gives the lock back, and what that reads.

    + quiet: nothing was changed: the record is short and says nothing of what is on the host. It then goes with the
      command, where others on the host might read it, and saves the round trip that sshd waits for before it lets a
      command read
    """
    if not text:
        return release_script(me), ""
    if quiet and len(text) <= SHORT:
        return f"printf %s {shlex.quote(text)} | {write_script(me.run)}{release_script(me)}", ""
    return write_script(me.run) + release_script(me), text
