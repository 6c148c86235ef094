"""The environment of a container that is started without Compose: `${NAME}` from Compose's .env, keys from the set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from estate_backup.config import Service
from estate_backup.errors import BackupError

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::\?[^}]*)?\}")
LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
SHORTEST = 6
"""Secrets shorter than this are not looked for in what a program said: they would be found everywhere."""


def read(path: Path) -> dict[str, str]:
    """Read an .env as the deploy writes it: 'literal', or "escaped" with a backslash before `\\`, `"` and `$`.

    Raises BackupError without any of its content.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as fault:
        raise BackupError(path, f"cannot be read: {fault.strerror}", "deploy the stack first") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if not match:
            raise BackupError(f"{path}:{number}", "is no NAME=value", "deploy the stack again")
        found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\([\\\"$])", r"\1", text[1:-1])
    return text


def environment(service: Service, values: Mapping[str, str]) -> dict[str, str]:
    """The declared environment with its references filled in. Raises BackupError that names all that have no value."""
    declared = {name: str(text) for name, text in (service.drill.get("environment") or {}).items()}
    named = {name for text in declared.values() for name in REFERENCE.findall(text)}
    if missing := sorted(name for name in named if not values.get(name)):
        raise BackupError(
            f"services/{service.name}/drill/environment",
            f"no value for {', '.join(missing)}, neither in the set's keys nor in Compose's .env",
            "deploy the stack, or restore from a set that has the key",
        )
    return {name: REFERENCE.sub(lambda match: values[match[1]], text) for name, text in declared.items()}


def env_file(values: Mapping[str, str]) -> str:
    """The text of a file for `docker run --env-file`. Raises BackupError for what a line cannot hold."""
    wrong = [name for name, value in values.items() if any(char in value for char in "\n\r\0")]
    if wrong:
        raise BackupError("environment", f"{', '.join(wrong)} has a line break", "store it on one line")
    return "".join(f"{name}={value}\n" for name, value in values.items())


def redacted(text: str, secrets: Mapping[str, str]) -> str:
    """A text without these values."""
    for value in sorted(set(secrets.values()), key=len, reverse=True):
        if len(value) >= SHORTEST:
            text = text.replace(value, "***")
    return text
