"""Reading values from `.env` and JSON files, exactly as they were written."""

import io
import json
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from estate.models.faults import EstateFaults, Fault
from estate.secrets.redact import redact


def _value(binding: Binding) -> str:
    value = binding.value or ""
    quoted = binding.original.string.partition("=")[2].lstrip().startswith('"')
    # Compose wants a dollar escaped between double quotes; python-dotenv does not know that escape
    return value.replace("\\$", "$") if quoted else value


def _dotenv(path: Path) -> dict[str, str]:
    values, faults = {}, []
    for binding in parse_stream(io.StringIO(path.read_text())):
        if binding.error:
            faults.append(Fault(f"{path}:{binding.original.line}", "not NAME=VALUE", "correct it"))
        elif binding.key is not None:
            values[binding.key] = _value(binding)
    if faults:
        raise EstateFaults(faults)
    return values


def _json(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise EstateFaults([Fault(f"{path}:{error.lineno}", "not JSON", "correct it")]) from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise EstateFaults([Fault(str(path), "not an object of names and texts", "correct it")])
    return found


def read_values(path: Path) -> dict[str, str]:
    """Names and values of a `.env` or `.json` file; nothing is interpolated, and all are masked from then on.

    Raises EstateFaults when it is missing, not text, or not of that form.
    """
    if not path.is_file():
        raise EstateFaults([Fault(str(path), "no such file")])
    try:
        values = _json(path) if path.suffix == ".json" else _dotenv(path)
    except UnicodeDecodeError:
        raise EstateFaults([Fault(str(path), "not text in UTF-8", "give a .env or .json file")]) from None
    redact.learn(values.values())
    return values
