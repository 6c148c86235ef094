"""Secrets in the env files and templates of a tree: what is tracked, readable by others, written down or weak.

No fault ever repeats a value.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from estate.checks.tree_entries import Entry, entries
from estate.checks.tree_files import TreeFile, read_tree
from estate.models.faults import Fault
from estate.secrets.known import is_leaked, is_placeholder, is_weak_word

_SECRET_WORDS = frozenset(
    {
        *("password", "passwords", "passwd", "passphrase", "pass", "pwd", "requirepass", "masterauth"),
        *("token", "secret", "key", "apikey", "credential", "credentials", "psk", "pat"),
    }
)
# The last word of a name that says something about a secret, and is none.
_ABOUT = frozenset(
    {
        *("file", "path", "dir", "id", "ids", "name", "names", "length", "bytes", "size", "ttl", "expiry", "expires"),
        *("days", "hours", "minutes", "seconds", "age", "type", "kind", "format", "algorithm", "header", "prefix"),
        *("url", "uri", "endpoint", "host", "port", "user", "username", "enabled", "required", "policy", "count"),
        *("version", "rotation", "fingerprint", "min", "max"),
    }
)
_PUBLIC = frozenset({"public", "pub", "site", "primary", "foreign", "sort", "map", "host"})
_DEFAULT = re.compile(r"\$\{\w+:?[-+]([^${}]*)\}")  # Compose's ${NAME:-value}: the value is written down
_REFERENCE = re.compile(r"\$\{|\$\(|\{\{|\{%|^\$\$?[A-Za-z_]\w*$|^\w+://(?!.*@)")
_PATH = re.compile(r"(?:~|\.{0,2})(?:/[\w.-]{1,30})+/?")
_URL_PASSWORD = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/?#@]*:(?P<password>[^\s/?#@]+)@", re.IGNORECASE)
_NOT_SECRET = re.compile(r"true|false|yes|no|on|off|null|none|~|\d{1,3}[smhd]?", re.IGNORECASE)


def scan_tree(root: Path) -> list[Fault]:
    """Faults of every env file and template below a folder."""
    files, unreadable = read_tree(root)
    return sorted({*unreadable, *check(files)})


def check(files: Iterable[TreeFile]) -> list[Fault]:
    """Faults of files that were read."""
    return [fault for file in files for fault in (*_file(file), *_values(file))]


def _file(file: TreeFile) -> Iterator[Fault]:
    if file.is_template or not file.is_env:
        return
    count = sum(bool(written(entry.value)) and not is_placeholder(entry.value) for entry in entries(file))
    if not count:
        return
    holds = f"holds {count} value{'s' if count != 1 else ''}"
    if file.tracked:
        remedy = "`git rm --cached` it, ignore it, and make every secret in it new: the history keeps them"
        yield Fault(file.path, f"is tracked by git though it {holds}", remedy)
    if file.mode & 0o007:
        yield Fault(file.path, f"{holds} and others may use it (mode {file.mode:04o})", f"chmod 600 {file.path}")


def _values(file: TreeFile) -> Iterator[Fault]:
    for entry in entries(file):
        where, value = f"{file.path}:{entry.line}", secret_in(entry)
        if value is None:
            continue
        stand_in = is_placeholder(value)  # <password> is no weak password
        if not stand_in and is_weak_word(value):
            yield Fault(where, f"{entry.name} is a well-known weak value", "let `estate secrets init` make one")
        elif is_leaked(value):
            yield Fault(where, f"{entry.name} is a value that was published", "make a new one: estate secrets rotate")
        elif file.is_template:
            if value and not stand_in:
                remedy = "leave it empty, or refer to it: ${" + re.sub(r"\W", "_", entry.name).upper() + "}"
                yield Fault(where, f"{entry.name} has a value in a template", remedy)
        elif not value:
            yield Fault(where, f"{entry.name} is empty", "put the value in, or take the line out")
        elif stand_in:
            yield Fault(where, f"{entry.name} is still a placeholder", "put the value in")


def looks_secret(name: str) -> bool:
    """Whether a name is that of a secret: DB_PASSWORD and apiKey are, KEY_FILE and PUBLIC_KEY are not."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    words = [word.lower() for word in parts]
    if not words or words[-1] in _ABOUT or (words[-1] == "key" and len(words) > 1 and words[-2] in _PUBLIC):
        return False
    # `key` by itself is the name of anything
    return any(word in _SECRET_WORDS for word in words) and words != ["key"]


def written(value: str) -> str:
    """What of a value is written down: nothing of a reference, the default of one that has a default."""
    resolved = _DEFAULT.sub(r"\1", value)
    return "" if _REFERENCE.search(resolved) else resolved


def secret_in(entry: Entry) -> str | None:
    """The secret that an entry writes down: its value, or the password in its URL; None when it holds none."""
    resolved = _DEFAULT.sub(r"\1", entry.value).strip()
    if url := _URL_PASSWORD.search(resolved):
        password = url["password"]
        return None if _REFERENCE.search(password) else password
    if not looks_secret(entry.name) or _REFERENCE.search(resolved):
        return None
    return None if _PATH.fullmatch(resolved) or _NOT_SECRET.fullmatch(resolved) else resolved
