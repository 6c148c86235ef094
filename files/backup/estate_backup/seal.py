"""Closes a set in the spool: encrypted contents, manifest, signature."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path

from estate_backup import crypt, proc
from estate_backup.config import Config
from estate_backup.errors import BackupError
from estate_backup.manifest import CONTENTS, MANIFEST, SIGNATURE, Contents, File, Kept, Manifest, Part
from estate_backup.report import Report, iso

JOURNAL = Path("/var/lib/estate/journal")


def close(
    config: Config,
    folder: Path,
    report: Report,
    collected: Mapping[str, Mapping[str, Part]],
    previous: str | None,
    finished: float,
) -> Manifest:
    """Write what makes a folder of ciphertext a set; returns its manifest."""
    crypt.encrypt_text(Contents(collected).dump(), folder / CONTENTS, config)
    files = {str(path.relative_to(folder)): _file(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    made = Manifest(
        id=report.id,
        kind=report.kind,
        host=config.host,
        sequence=report.sequence,
        started=iso(report.started),
        finished=iso(finished),
        commit=config.commit or deployed(),
        tool=versions(),
        recipients=config.recipients,
        previous=previous,
        services={name: _kept(config, name, files) for name in collected},
        files=files,
        objects=tuple(sorted(_objects(collected))),
        suspect=tuple(report.suspect),
        failed=report.failed,
    )
    (folder / MANIFEST).write_text(made.dump())
    crypt.sign(folder / MANIFEST, folder / SIGNATURE, config)
    crypt.verify(folder / MANIFEST, folder / SIGNATURE, config)  # the two keys must be a pair
    return made


def _kept(config: Config, name: str, files: Mapping[str, File]) -> Kept:
    service = config.service(name)
    return Kept(service.image, tuple(service.keys), tuple(file for file in files if file.startswith(f"{name}/")))


def _objects(collected: Mapping[str, Mapping[str, Part]]) -> set[str]:
    maps = (part.evidence.get("objects") for parts in collected.values() for part in parts.values())
    return {entry["object"] for found in maps if found for entry in found.values()}


def _file(path: Path) -> File:
    """Size and hashes, in one reading; md5 and sha1 are what S3 and B2 tell, and guard nothing here."""
    digests = [hashlib.sha256(), hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)]
    with path.open("rb") as handle:
        while block := handle.read(proc.BLOCK):
            for digest in digests:
                digest.update(block)
    return File(path.stat().st_size, *(digest.hexdigest() for digest in digests))


def deployed() -> str:
    """The commit that the host was last deployed from, as the deploy's journal says."""
    known = ""
    for path in sorted(JOURNAL.glob("*.json"), reverse=True):
        try:
            entry = json.loads(path.read_text())
            commit, outcome = str(entry.get("commit") or ""), entry.get("outcome")
        except (OSError, ValueError, AttributeError):
            continue
        if commit and outcome == "done":
            return commit
        known = known or commit
    return known or "unknown"


def versions() -> dict[str, str]:
    """The versions of the programs that make a set."""
    found = {"python": platform.python_version()}
    for name, argv in (("rclone", ["rclone", "version"]), ("age", ["age", "--version"])):
        try:
            words = re.findall(r"v?[0-9]+\.[0-9]+\S*", proc.output(argv, timeout=60))
        except BackupError:
            words = []
        found[name] = words[0].removeprefix("v") if words else "unknown"
    return found
