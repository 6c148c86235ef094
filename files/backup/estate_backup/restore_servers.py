"""New data of PostgreSQL and Redis: built by the service's own image, in a container without a network.

A dump is loaded by a server only, so the server that loads it is one of its own, on a new directory: the live one works
on meanwhile, a dump that cannot be loaded harms nobody, and drill and restore do the very same.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from estate_backup import crypt, evidence, restore_dump
from estate_backup.config import Part
from estate_backup.errors import BackupError
from estate_backup.evidence import Finding
from estate_backup.manifest import GLOBALS
from estate_backup.parts import postgres as postgres_part
from estate_backup.parts import redis as redis_part
from estate_backup.restore_build import Job, build, prepare_all
from estate_backup.restore_docker import exec_command
from estate_backup.restore_plan import Piece
from estate_backup.restore_swap import owner_of
from estate_backup.scratch import Scratch
from estate_backup.sql import quoted

SERVERS = ("postgres", "redis")
Execute = Callable[[Sequence[str], "str | None"], str]
REWRITE = 1800
"""Seconds that Redis may take to write its log anew."""


def build_service(job: Job) -> Finding:
    """Build all parts of a service in the job's places and say what is proven. Raises BackupError when one fails."""
    prepare_all(job)
    finding = Finding()
    for piece in sorted(job.step.pieces, key=lambda item: item.part.kind not in SERVERS):
        if piece.part.kind in SERVERS:
            with Scratch(job.config, job.keys, network=False) as scratch:
                finding += (postgres if piece.part.kind == "postgres" else redis)(job, piece, scratch)
        else:
            finding += build(job, piece)
    return finding


def postgres(job: Job, piece: Piece, scratch: Scratch) -> Finding:
    """Make a new cluster of a set's globals and databases, with today's password, and count its rows."""
    service, part = job.service, piece.part
    dumps = {name: kept for name, kept in piece.kept.items() if name != GLOBALS}
    container = scratch.start(service, job.mounts())
    scratch.wait(service)

    def run(argv: Sequence[str], stdin: str | None) -> str:
        return scratch.execute(service, argv, stdin)

    _same_major(job, part, run, sorted(dumps))
    if GLOBALS in piece.kept:
        text = crypt.decrypt_text(job.sealed(GLOBALS), job.config)
        there = query(run, part, "template1", "select quote_ident(rolname) from pg_roles").splitlines()
        statement(scratch, job, part, restore_dump.without_roles(text, there))
    for name, kept in sorted(dumps.items()):
        database = restore_dump.database_of(name, kept)
        drop = f"drop database if exists {quoted(database)} with (force)"
        query(run, part, "template1", drop)
        load = as_user(part, "pg_restore", "--create", "--exit-on-error", "--dbname=template1")
        job.pour(name, kept, exec_command(container, load, stdin=True))
    if password := password_of(job):
        role = query(run, part, "template1", "select current_user")
        statement(scratch, job, part, restore_dump.password_statement(role, password))
    finding = rows(run, piece)
    scratch.stop(service)
    return finding


def rows(run: Execute, piece: Piece, compare: Callable[..., Finding] = evidence.counts) -> Finding:
    """Compare the rows of a running server's databases with those of the set."""
    found = []
    for name, kept in sorted(piece.kept.items()):
        if name != GLOBALS:
            database = restore_dump.database_of(name, kept)
            found.append(compare(database, kept.evidence["tables"], table_rows(run, piece.part, database)))
    return evidence.together(found) if found else evidence.fault("the set has no database")


def table_rows(run: Execute, part: Part, database: str) -> dict[str, int]:
    """Rows of each table, counted as the backup counts them."""
    return postgres_part.counts(lambda sql: query(run, part, database, f"SET row_security = off;\n{sql}").splitlines())


def running(job: Job, run: Execute) -> Finding:
    """What a running server says of its data, before or while clients use it: rows and keys are there."""
    finding = Finding()
    for piece in job.step.pieces:
        if piece.part.kind == "postgres":
            finding += rows(run, piece, evidence.drifted)
        elif piece.part.kind == "redis":
            there = redis_part.total(run(redis_part.command(piece.part, "INFO", "keyspace"), None))
            lasting = job.noted.get(piece.part.name, 0)
            text = f"{piece.part.name}: {there} keys in the running server"
            finding += evidence.fault(f"{text} instead of {lasting}") if lasting and not there else evidence.proof(text)
    return finding


def as_user(part: Part, program: str, *words: str) -> list[str]:
    """A client of PostgreSQL as the server's own user, whose name the container's environment has."""
    return ["sh", "-c", f'exec "$@" --username="${part.user_env}"', "sh", program, "--no-password", *words]


def query(run: Execute, part: Part, database: str, sql: str) -> str:
    """Run SQL over the server's socket (which asks no password) and return its rows."""
    words = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", f"--dbname={database}")
    return run(as_user(part, "psql", *words), sql).strip()


def statement(scratch: Scratch, job: Job, part: Part, sql: str) -> None:
    """Run SQL that holds passwords or their hashes: neither what the client says of it nor the server's log is kept."""
    words = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=template1")
    scratch.execute(job.service, as_user(part, "psql", *words), restore_dump.UNLOGGED + sql, secret=True)


def _same_major(job: Job, part: Part, run: Execute, names: Sequence[str]) -> None:
    """Raises BackupError when a dump is of another major version than the server: its upgrade is not a restore."""
    server = int(query(run, part, "template1", "show server_version_num")) // 10000
    for name in names:
        version = restore_dump.version(restore_dump.head(job.config, job.sealed(name)))
        if restore_dump.major(version) != server:
            raise BackupError(
                f"{job.service.name}/{name}",
                f"was dumped from PostgreSQL {version}, but {job.service.image} is {server}",
                "deploy the image of that major version, restore, then upgrade",
            )


def password_of(job: Job) -> str:
    """Today's password of the server's own role, as the host has it: it may have been rotated since the set."""
    folder = job.service.drill.get("secrets")
    path = Path(folder) / "password" if folder else None
    return path.read_text().rstrip("\n") if path and path.is_file() else ""


def redis(job: Job, piece: Piece, scratch: Scratch) -> Finding:
    """Load a dump and, where the service keeps an append-only log, write that anew: at a start the log wins.

    A Redis 7 with a log switched on and none there starts EMPTY beside a full dump.rdb, so it is loaded with the log
    off and switched on in the running server (redis.io, persistence).
    """
    service, part = job.service, piece.part
    name, kept = piece.only

    def ask(*words: str) -> str:
        return scratch.execute(service, redis_part.command(part, *words)).strip()

    scratch.start(service, job.mounts())
    scratch.wait(service)
    appends = ask("CONFIG", "GET", "appendonly").split()[-1] == "yes"
    file = ask("CONFIG", "GET", "dbfilename").split()[-1]
    scratch.stop(service)
    prepare_all(job)  # what the empty server wrote
    target = job.at(Path(part.path)) / file
    job.write(name, kept, target)
    _own(job, target)
    scratch.start(service, job.mounts(), extra=("--appendonly", "no"))
    scratch.wait(service)
    finding = keys(ask, piece)
    job.noted[part.name] = keys_that_last(ask)
    if appends:
        ask("CONFIG", "SET", "appendonly", "yes")
        _written_anew(ask, service.name)
    scratch.stop(service)
    return finding


def _own(job: Job, target: Path) -> None:
    os.chown(target, *owner_of(job.service))
    target.chmod(0o600)


def keys(ask: Callable[..., str], piece: Piece) -> Finding:
    """Compare the keys that a dump brought with the recorded numbers.

    A key whose time is over by now was there when the set was made: Redis counts those that it drops while it loads.
    """
    said, recorded = redis_part.info(ask("INFO", "persistence")), piece.only[1].evidence
    there = redis_part.total(ask("INFO", "keyspace"))
    loaded = int(said.get("rdb_last_load_keys_loaded", there))
    dropped = int(said.get("rdb_last_load_keys_expired", 0))
    if "keys" in recorded:
        return evidence.between(f"{piece.part.name}: keys", recorded["keys"], loaded + dropped)
    first = int(ask("DBSIZE"))
    # of those that went meanwhile it is not known which database they were in
    return evidence.between(
        f"{piece.part.name}: keys of database 0", recorded["dbsize"], first, dropped + loaded - there
    )


def keys_that_last(ask: Callable[..., str]) -> int:
    """The keys that no time ends."""
    found = re.findall(r"keys=(\d+),expires=(\d+)", ask("INFO", "keyspace"))
    return sum(int(every) - int(ending) for every, ending in found)


def _written_anew(ask: Callable[..., str], service: str) -> None:
    end = time.monotonic() + REWRITE
    while True:
        now = redis_part.info(ask("INFO", "persistence"))
        busy = now.get("aof_rewrite_in_progress") != "0" or now.get("aof_rewrite_scheduled") != "0"
        if not busy and now.get("aof_enabled") == "1" and now.get("aof_last_bgrewrite_status") == "ok":
            return
        if now.get("aof_last_bgrewrite_status") != "ok" or time.monotonic() >= end:
            raise BackupError(service, "Redis could not write its append-only log anew", "is there room?")
        time.sleep(0.2)
