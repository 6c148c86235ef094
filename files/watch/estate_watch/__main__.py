"""estate-watch JOB: does one job, tells what it found. `--quiet` tells nobody; `--run` makes the backup first.

Exit codes: 0 all is well; 1 something is not, and it was told; 2 the program cannot work or could not tell.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from estate_watch import backups, config, tell
from estate_watch.certificates import certificates
from estate_watch.health import health
from estate_watch.resources import report
from estate_watch.result import Job, Result
from estate_watch.run import CommandError
from estate_watch.tunnel import tunnel

JOBS: dict[str, Job] = {
    "backup-proxmox": backups.proxmox,
    "backup-vps": backups.sets,
    "health-check": health,
    "cert-check": certificates,
    "tunnel-monitor": tunnel,
    "resource-report": report,
}
FIRST: dict[str, Callable[[dict[str, Any]], None]] = {
    "backup-proxmox": backups.back_up_proxmox,
    "backup-vps": backups.back_up_sets,
}
"""What --run does before the job looks."""
CONFIG = "/etc/estate-watch/config.json"
LOOKING: dict[str, Any] = {"failures": 1, "per_day": 0}
"""What --quiet puts in place of a job's settings: a first failure counts, and nothing is started anew."""


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="estate-watch", description=__doc__)
    parser.add_argument("job", choices=sorted(JOBS))
    parser.add_argument("--quiet", action="store_true", help="only print; tell nobody and remember nothing")
    parser.add_argument("--run", action="store_true", help="make the backup first (backup-proxmox, backup-vps)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, now: Callable[[], float] = time.time) -> int:
    """Do one job."""
    asked = _arguments(sys.argv[1:] if argv is None else argv)
    try:
        settings = config.load(Path(os.environ.get("ESTATE_WATCH_CONFIG", CONFIG)))
        if asked.job not in settings.jobs:
            raise config.WatchError(f"{asked.job} is no job of this host; it has {', '.join(sorted(settings.jobs))}")
        if asked.run:
            if asked.job not in FIRST:
                raise config.WatchError(f"{asked.job} has nothing to run")
            FIRST[asked.job](settings.jobs[asked.job])
        return _do(settings, asked.job, asked.quiet, now())
    except (config.WatchError, CommandError) as fault:
        print(f"estate-watch: {fault}", file=sys.stderr)
        return 2


def _do(settings: config.Config, job: str, quiet: bool, now: float) -> int:
    if quiet:
        # A look changes nothing, and says at once what is wrong
        result = JOBS[job]({**settings.jobs[job], **LOOKING}, {}, now)
        return _print(result)
    memory = config.remembered(settings, job)
    result = JOBS[job](settings.jobs[job], memory.get("job", {}), now)
    _print(result)
    tell.samples(settings, job, result, now)
    told = memory.get("told", {})
    text = tell.text_of(settings, job, result, told, now)
    # What the job did (a start of the tunnel) is kept even when it cannot be told
    config.remember(settings, job, {"job": result.memory, "told": told})
    if text:
        if settings.api:
            tell.send(settings, text)
        config.remember(settings, job, {"job": result.memory, "told": {"faults": result.faults, "at": now}})
    return int(bool(result.faults))


def _print(result: Result) -> int:
    for line in (*result.message.splitlines(), *result.faults):
        print(line)
    return int(bool(result.faults))


if __name__ == "__main__":
    sys.exit(main())
