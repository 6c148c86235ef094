"""Reports of runs on the operator's machine: `$XDG_STATE_HOME/estate/runs/ESTATE/RUN/`, for its owner's eyes only."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from estate.models.faults import EstateFaults, Fault
from estate.render.user_directories import user_directory
from estate.run.record import RunRecord
from estate.run.report import page
from estate.secrets.redact import redact

KEPT = 100
"""Runs of an estate; the oldest go."""
RECORD, PAGE = "report.json", "report.html"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


def runs_directory() -> Path:
    """Where the reports of all estates lie."""
    return user_directory("XDG_STATE_HOME", ".local/state") / "runs"


def directory_of(estate: str, run: str) -> Path:
    """Where a run's report lies. Raises EstateFaults for a name that is not one of a single directory."""
    faults = [
        Fault(f"{what} {name!r}", "is no name of a directory", "`estate history` shows the runs")
        for what, name in (("estate", estate), ("run", run))
        if not _NAME.fullmatch(name)
    ]
    if faults:
        raise EstateFaults(faults, "")
    return runs_directory() / estate / run


def _masked(value: Any) -> Any:
    """The value with every known secret masked, in keys too, and nothing in it that UTF-8 cannot write."""
    if isinstance(value, str):
        return redact(value).encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_masked(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


def masked(record: RunRecord) -> RunRecord:
    """The record with every known secret masked.

    Text by text, before any of it is written: JSON and HTML escape some characters, and an escaped value is not found.
    """
    return RunRecord.model_validate(_masked(record.model_dump()))


def _private(directory: Path) -> None:
    """Make the run's directory and those above it, up to `estate`, readable for their owner only."""
    own = [directory, *directory.parents][:4]
    own[-1].parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in reversed(own):
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)


def _write(path: Path, text: str) -> None:
    """Write a file of mode 0600: what is at `path` is either the old text or all of the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _runs(estate: str) -> list[Path]:
    """The directories of an estate's runs, the oldest first: a run's id begins with its time."""
    directory = directory_of(estate, "run").parent
    return sorted(path for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []


def _forget_old(estate: str, kept: Path) -> None:
    """Remove what is older than the last KEPT runs, but never `kept`; another process may be removing it too."""
    for path in _runs(estate)[:-KEPT]:
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)


def save(record: RunRecord) -> Path:
    """Keep a run's report, secrets masked; returns the page's path.

    Saving a run again replaces its report. Raises EstateFaults for an id that is no name, OSError when it cannot be
    written.
    """
    directory = directory_of(record.estate, record.run)
    clean = masked(record)
    _private(directory)
    # the data first: they stay even if the page cannot be made
    _write(directory / RECORD, clean.model_dump_json(indent=2) + "\n")
    _write(directory / PAGE, page(clean))
    _forget_old(record.estate, directory)
    return directory / PAGE


def load(estate: str, run: str) -> RunRecord:
    """A run's record. Raises EstateFaults when there is none, or when it cannot be read."""
    path = directory_of(estate, run) / RECORD
    try:
        return RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = f"the last {KEPT} runs of this machine are kept; `estate history` asks the hosts"
        raise EstateFaults([Fault(str(path), "no such report", remedy)], "") from None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a report"
        raise EstateFaults([Fault(str(path), f"cannot be read: {reason}")], "") from None


def latest(estate: str) -> RunRecord | None:
    """The newest run's record; None when there is no report.

    Raises EstateFaults when the newest cannot be read.
    """
    written = [path for path in _runs(estate) if (path / RECORD).is_file()]
    return load(estate, written[-1].name) if written else None
