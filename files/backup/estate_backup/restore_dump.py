"""PostgreSQL's dumps as text and bytes (pure but for `head`): versions, roles that exist, quoting."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import unquote

from estate_backup import crypt, proc
from estate_backup.config import Config
from estate_backup.errors import BackupError
from estate_backup.manifest import Part as Kept
from estate_backup.sql import literal, quoted

HEAD = 4096
"""bytes of a dump that hold its header"""
UNLOGGED = "\\set VERBOSITY sqlstate\nset log_min_error_statement = panic;\nset log_statement = 'none';\n"


def head(config: Config, sealed: Path) -> bytes:
    """Open the beginning of a dump, in memory."""
    with sealed.open("rb") as source:
        stages = proc.Stages([crypt.decrypt_command(config)], source, subprocess.PIPE)
        try:
            return stages.stdout.read(HEAD) if stages.stdout else b""
        finally:
            stages.kill()


def version(start: bytes) -> str:
    """The version of the server that a custom-format dump was made from.

    The header is that of src/bin/pg_dump/pg_backup_archiver.c, ReadHead. Raises BackupError when it is not such a dump.
    """
    fault = BackupError("dump", "is not a dump of pg_dump -Fc", "use another set")
    if start[:5] != b"PGDMP" or len(start) < 64:
        raise fault
    archive, width = (start[5], start[6]), start[8]
    if archive < (1, 10):
        raise fault
    reader = _Reader(start, 11, width)
    if archive >= (1, 15):
        reader.skip(1)  # compression: one byte
    else:
        reader.number()
    for _ in range(7):  # when it was made
        reader.number()
    try:
        reader.text()  # the database's name
        return reader.text()
    except (IndexError, UnicodeDecodeError):
        raise fault from None


class _Reader:
    """Numbers (a sign, then `width` bytes, least first) and strings (length, bytes)."""

    def __init__(self, data: bytes, at: int, width: int) -> None:
        self._data, self._at, self._width = data, at, width

    def skip(self, count: int) -> None:
        self._at += count

    def number(self) -> int:
        sign, start = self._data[self._at], self._at + 1
        value = int.from_bytes(self._data[start : start + self._width], "little")
        self._at = start + self._width
        return -value if sign else value

    def text(self) -> str:
        length = max(0, self.number())
        found = self._data[self._at : self._at + length]
        if len(found) < length:
            raise IndexError(length)
        self._at += length
        return found.decode()


def major(text: str) -> int:
    """16 of "16.15 (Debian 16.15-1)"."""
    match = re.match(r"(\d+)", text)
    return int(match[1]) if match else 0


def without_roles(text: str, there: Collection[str]) -> str:
    """pg_dumpall's globals without the roles that a new cluster has: CREATE ROLE knows no IF NOT EXISTS.

    + there: names, quoted as quote_ident does
    """

    def lines() -> Iterator[str]:
        for line in text.splitlines(keepends=True):
            match = re.fullmatch(r"CREATE ROLE (.+);\n?", line)
            if not (match and match[1] in there):
                yield line

    return "".join(lines())


def database_of(name: str, kept: Kept) -> str:
    """The database that a part's file is a dump of."""
    return str(kept.evidence.get("database") or unquote(name.partition("-")[2].removesuffix(".dump")))


def password_statement(role: str, password: str) -> str:
    """SQL that gives a role a password; for standard input only."""
    return f"alter role {quoted(role)} password {literal(password)};\n"
