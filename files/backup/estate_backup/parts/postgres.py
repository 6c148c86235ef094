"""PostgreSQL: every database by `pg_dump -Fc` in one exported snapshot, in which its rows are counted, and the globals.

Facts: postgresql.org/docs/16 app-pgdump (--snapshot), functions-admin (pg_export_snapshot), app-pgrestore.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from estate_backup import proc
from estate_backup.errors import BackupError
from estate_backup.manifest import GLOBALS, Part
from estate_backup.parts.job import Job, Made
from estate_backup.sql import literal

DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
GLOBALS_END = b"-- PostgreSQL database cluster dump complete"
OPEN = """SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET row_security = off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"""
TABLES = """SELECT json_build_object('name', n.nspname || '.' || c.relname,
  'ident', format('%I.%I', n.nspname, c.relname))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' ORDER BY 1::text;"""
END = "estate-backup-end"
SAID = re.compile(r"(WARNING|NOTICE|INFO|LOG|DETAIL|HINT|CONTEXT):")
"""what a server says beside an answer, such as that a collation's version changed"""


def collect(job: Job) -> Made:
    """Dump every database that is no template, and the roles. Raises BackupError when any stage fails."""
    user = environment(job, job.part.user_env)
    made: Made = {}
    first = environment(job, job.part.database_env)
    for database in psql(job, user, first, DATABASES).splitlines():
        # a name may hold what no file name may
        name = f"{job.part.name}-{urllib.parse.quote(database, safe='')}.dump"
        made[name] = _dump(job, user, database, name)
    if not made:
        raise job.fault("has no database", "see the container")
    made[GLOBALS] = _globals(job, user)
    return made


def environment(job: Job, name: str) -> str:
    """A variable of the container; a user's or a database's name, never a secret."""
    try:
        found = proc.output(job.inside("printenv", name), timeout=60).strip()
    except BackupError as fault:
        raise job.fault(f"container {job.service.container}: {fault.fault}", "see whether it runs") from None
    if not found:
        raise job.fault(f"{name} is empty in container {job.service.container}", "deploy the stack")
    return found


def psql(job: Job, user: str, database: str, query: str) -> str:
    """What one query answers, unaligned."""
    argv = job.inside("psql", "-XqtA", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database)
    return proc.output(argv, stdin=query, timeout=600)


def _dump(job: Job, user: str, database: str, name: str) -> Part:
    with _session(job, user, database) as session:
        snapshot = session.ask("SELECT pg_export_snapshot();")[0]
        (size,) = session.ask("SELECT pg_database_size(current_database());")
        tables = counts(session.ask)
        options = ("--format=custom", f"--snapshot={snapshot}", "-U", user, "-d", database)
        # a custom dump has no end mark: reading all of it does tell that it has one
        whole = job.inside("pg_restore", "--file=/dev/null")
        flow = job.seal(name, [job.inside("pg_dump", *options)], proofs=[whole])
    return Part(flow.size, flow.sha256, {"database": database, "tables": tables, "bytes": int(size)})


def counts(ask: Callable[[str], Sequence[str]]) -> dict[str, int]:
    """Rows of each table; of one that others inherit from, its own (a partition is a table of its own).

    + ask: runs queries of one database by `psql -XqtA` and returns the lines of the answers
    """
    queries = []
    for row in (json.loads(line) for line in ask(TABLES)):
        queries.append(f"SELECT json_build_array({literal(row['name'])}::text, count(*)) FROM ONLY {row['ident']};")  # noqa: S608
    counted: dict[str, int] = {}
    for start in range(0, len(queries), 100):  # what is asked and what is answered each fit into a pipe
        for line in ask("\n".join(queries[start : start + 100])):
            name, count = json.loads(line)
            counted[name] = count
    return counted


def _globals(job: Job, user: str) -> Part:
    flow = job.seal(GLOBALS, [job.inside("pg_dumpall", "--globals-only", "-U", user)])
    if GLOBALS_END not in flow.tail:
        (job.folder / f"{GLOBALS}.age").unlink(missing_ok=True)
        raise job.fault(f"{GLOBALS}: has no end", "run the backup again")
    return Part(flow.size, flow.sha256, {})


@dataclass
class _Session:
    """A psql that stays open; its transaction holds the snapshot."""

    job: Job
    process: subprocess.Popen[str]

    def ask(self, query: str) -> list[str]:
        """The lines that a query answers."""
        assert self.process.stdin is not None  # noqa: S101 - pipes, by how it was made
        assert self.process.stdout is not None  # noqa: S101
        lines: list[str] = []
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{query}\n\\echo {END}\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.rstrip("\n") == END:
                return lines
            if line.strip() and not SAID.match(line):
                lines.append(line.rstrip("\n"))
        raise self.job.fault(f"psql ended: {lines[-1] if lines else 'see the log of the container'}", "")


@contextlib.contextmanager
def _session(job: Job, user: str, database: str) -> Iterator[_Session]:
    argv: list[Any] = job.inside("psql", "-XqtA", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database)
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    try:
        session = _Session(job, process)
        session.ask(OPEN)
        yield session
        # whether it held to the end: a snapshot whose owner died would have failed pg_dump at its start only
        session.ask("COMMIT;")
    finally:
        with contextlib.suppress(BrokenPipeError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdout:
            process.stdout.close()
