"""SQLite: a copy by the online backup API, checked and counted, then encrypted. Writers go on meanwhile."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from estate_backup.manifest import Part
from estate_backup.parts.job import Job, Made
from estate_backup.sql import quoted

PATIENCE = 120
"""seconds that a writer may keep the whole database locked"""


def collect(job: Job) -> Made:
    """Copy, check and seal one database. Raises BackupError when it is missing, locked or damaged."""
    source = Path(job.part.path)
    name = job.part.name if job.part.name.endswith((".sqlite", ".sqlite3", ".db")) else f"{job.part.name}.sqlite"
    if not source.is_file():
        if job.part.optional:
            return {}
        raise job.fault(f"{source} is missing", "see the service, or declare another path")
    if not source.stat().st_size:
        raise job.fault(f"{source} is empty", "see the service")
    copy = job.scratch / f"{job.service.name}-{name}"
    try:
        _copy(job, source, copy)
        tables = counts(copy)
        flow = job.seal(name, [["cat"]], stdin=copy)
    except sqlite3.Error as fault:
        raise job.fault(f"{source}: {fault}", "see the database with `sqlite3 … 'pragma integrity_check'`") from None
    finally:
        copy.unlink(missing_ok=True)
    return {name: Part(flow.size, flow.sha256, {"tables": tables})}


def _copy(job: Job, source: Path, copy: Path) -> None:
    until = time.monotonic() + PATIENCE

    def progress(status: int, remaining: int, total: int) -> None:
        if remaining and time.monotonic() > until:
            raise job.fault(f"{source} stays locked", "see what writes to it")

    copy.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=5)) as live,
        closing(sqlite3.connect(copy)) as target,
    ):
        live.backup(target, pages=-1, progress=progress, sleep=0.1)


def counts(path: Path) -> dict[str, int]:
    """Rows of each table of a database that nobody writes to. Raises sqlite3.Error when it is damaged."""
    # immutable: a copy in WAL mode gets no -wal and -shm beside it
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as database:
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"quick_check: {verdict}")
        names = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        ).fetchall()
        return {name: database.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0] for (name,) in names}  # noqa: S608
