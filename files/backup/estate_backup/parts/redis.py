"""Redis: BGSAVE, wait for it, and the dump that it wrote (redis.io/docs persistence; INFO persistence)."""

from __future__ import annotations

import re
import time
from pathlib import Path

from estate_backup import proc
from estate_backup.config import Part as ConfigPart
from estate_backup.errors import BackupError
from estate_backup.manifest import Part
from estate_backup.parts.job import Job, Made

PATIENCE = 900
AUTHENTICATED = 'REDISCLI_AUTH="$(cat "$0")" exec redis-cli -e "$@"'
MAGIC, EOF = b"REDIS", 0xFF


def collect(job: Job) -> Made:
    """Save and seal dump.rdb. Raises BackupError when Redis could not save, or saved somewhere else."""
    dump = Path(job.part.path) / "dump.rdb"
    before = _keys(job)
    was = _stamp(dump)
    _save(job)
    if _stamp(dump) == was:
        raise job.fault(f"{dump} was not written by BGSAVE", "declare the folder that Redis has as its `dir`")
    name = f"{job.part.name}.rdb"
    with dump.open("rb") as handle:
        magic = handle.read(5)
    flow = job.seal(name, [["cat"]], stdin=dump)
    # the end: an opcode and a checksum of eight bytes (redis/src/rdb.h RDB_OPCODE_EOF)
    if magic != MAGIC or len(flow.tail) < 9 or flow.tail[-9] != EOF:
        (job.folder / f"{name}.age").unlink(missing_ok=True)
        raise job.fault(f"{dump} is no whole dump", "see the log of the container")
    sizes = sorted((before, _keys(job)))
    return {name: Part(flow.size, flow.sha256, {"keys": sizes})}


def cli(job: Job, *words: str) -> str:
    """What redis-cli answers in the container; the password goes from its file to its environment there."""
    try:
        return proc.output(job.inside(*command(job.part, *words)), timeout=60).strip()
    except BackupError as fault:
        raise job.fault(f"{words[0]}: {fault.fault}", "see whether the container runs and takes its password") from None


def command(part: ConfigPart, *words: str) -> list[str]:
    """`redis-cli` with the password from the file that the container has; an error reply is an error."""
    if not part.password_file:
        return ["redis-cli", "-e", *words]
    return ["sh", "-c", AUTHENTICATED, part.password_file, *words]


def info(text: str) -> dict[str, str]:
    """A section of INFO."""
    lines = (line.strip().partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in lines}


def total(keyspace: str) -> int:
    """Keys of all databases: `db0:keys=3,expires=0,…`."""
    return sum(int(found) for found in re.findall(r"^db[0-9]+:keys=([0-9]+)", keyspace, re.MULTILINE))


def _keys(job: Job) -> int:
    return total(cli(job, "INFO", "keyspace"))


def _save(job: Job) -> None:
    until = time.monotonic() + PATIENCE
    _idle(job, until)
    answer = cli(job, "BGSAVE")
    if "started" not in answer:
        raise job.fault(f"BGSAVE: {answer}", "run the backup again")
    if _idle(job, until).get("rdb_last_bgsave_status") != "ok":
        raise job.fault("BGSAVE failed", "see the log of the container, its disk and its memory")


def _idle(job: Job, until: float) -> dict[str, str]:
    """Wait until nothing is being saved or rewritten."""
    while True:
        found = info(cli(job, "INFO", "persistence"))
        if found.get("rdb_bgsave_in_progress") == "0" and found.get("aof_rewrite_in_progress", "0") == "0":
            return found
        if time.monotonic() > until:
            raise job.fault(f"still saves after {PATIENCE} seconds", "see the log of the container")
        time.sleep(0.2)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
