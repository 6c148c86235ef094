"""Where secret values come from: for now a local file of mode 0600 beside the repository's code."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind, SecretSpec
from estate.models.stack import Stack
from estate.render.templates import ROOT
from estate.secrets.redact import redact


class Source(Protocol):
    """Anything that secrets can be loaded from."""

    def load(self) -> Mapping[str, SecretStr]:
        """All values by name. Raises EstateFaults when they cannot be had."""
        ...


def default_path(estate_name: str) -> Path:
    """The secrets file of an inventory; the lab's goes with the lab."""
    return ROOT / ".lab" / "secrets.json" if estate_name == "lab" else ROOT / "secrets" / f"{estate_name}.json"


class FileSource:
    """A JSON file of names and values, mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Mapping[str, SecretStr]:
        """All values by name.

        Raises EstateFaults when the file is missing, readable by others, or not such a file.
        """
        where = str(self.path)
        if not self.path.exists():
            raise EstateFaults([Fault(where, "no secrets file", "make one with `estate secrets init INVENTORY`")])
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            raise EstateFaults([Fault(where, "others can read it", f"chmod 600 {where}")])
        try:
            values = json.loads(self.path.read_text())
        except json.JSONDecodeError as error:
            raise EstateFaults([Fault(where, f"not JSON (line {error.lineno})", "restore it from your copy")]) from None
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise EstateFaults([Fault(where, "not an object of names and texts", "restore it from your copy")])
        redact.learn(values.values())
        return {name: SecretStr(value) for name, value in values.items()}

    def save(self, values: Mapping[str, SecretStr]) -> None:
        """Replace the file in one step; it is never readable by others, nor ever half written."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        text = json.dumps({name: values[name].get_secret_value() for name in sorted(values)}, indent=2)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
            os.fchmod(handle.fileno(), 0o600)
            handle.write(text + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(self.path)


def placeholders(stack: Stack) -> dict[str, str]:
    """Values for `estate render`: of the right form, the same every time, and no secrets."""
    return {name: _placeholder(spec) for name, spec in sorted(stack.secrets().items())}


def _placeholder(spec: SecretSpec) -> str:
    if spec.kind is SecretKind.INTEGER:
        return "-1001"
    if spec.kind is SecretKind.USERNAME and spec.default:
        return spec.default
    return f"placeholder-{spec.name.lower().replace('_', '-')}"


def resolve(stack: Stack, source: Source) -> dict[str, str]:
    """The values that the stack needs.

    Raises EstateFaults that name every missing or empty secret with its consumers.
    """
    loaded = source.load()
    faults, values = [], {}
    for name, spec in stack.secrets().items():
        value = loaded[name].get_secret_value() if name in loaded else ""
        values[name] = value
        users = ", ".join(stack.consumers(name))
        if not value.strip():
            state = "empty" if name in loaded else "missing"
            faults.append(Fault(f"secrets/{name}", f"{state} (used by {users})", "run `estate secrets init INVENTORY`"))
        elif spec.kind is SecretKind.INTEGER and not value.lstrip("-").isdigit():
            faults.append(Fault(f"secrets/{name}", f"not a whole number (used by {users})", "correct it"))
    if faults:
        raise EstateFaults(faults)
    return values
