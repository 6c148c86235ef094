"""What a set says of itself: the signed manifest (no secret), and the encrypted contents (sizes, hashes, evidence)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estate_backup import crypt
from estate_backup.config import KINDS, SET_ID, Config
from estate_backup.errors import BackupError

if TYPE_CHECKING:
    from estate_backup.store import SetRef, Store

FORMAT = 1
MANIFEST, SIGNATURE, CONTENTS = "manifest.json", "manifest.json.sig", "contents.json.age"
KEYS, GLOBALS, OBJECTS = "keys.json", "globals.sql", "objects"
"""Names of parts, without `.age`: a service's keys, PostgreSQL's roles, an object store's map."""
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%-]*(/[A-Za-z0-9][A-Za-z0-9._%-]*)?")
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """A file of a set: size and hashes of the ciphertext (md5 and sha1 are what stores tell without a download)."""

    size: int
    sha256: str
    md5: str = ""
    sha1: str = ""


@dataclass(frozen=True)
class Kept:
    """What a set has of a service: the image that wrote it, names of keys, names of files."""

    image: str = ""
    keys: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """manifest.json. `suspect` and `failed` say what is not as it should be; times are ISO 8601, UTC."""

    id: str
    kind: str
    host: str
    sequence: int
    started: str
    finished: str
    commit: str = ""
    tool: Mapping[str, str] = field(default_factory=dict)
    recipients: tuple[str, ...] = ()
    previous: str | None = None
    services: Mapping[str, Kept] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    suspect: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of its files; objects are not counted, as sets share them."""
        return sum(item.size for item in self.files.values())

    def dump(self) -> str:
        """The text of manifest.json."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Part:
    """A part's plaintext: size, sha256, and the evidence that a restored one must match."""

    size: int
    sha256: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """contents.json: service → name of the part's file without `.age` → Part.

    Objects are the part `objects` without a file: its evidence is
    {"objects": {path: {"object", "size", "sha256", "mtime"}}, "directories": [path, …]}.
    """

    services: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)

    def dump(self) -> str:
        """The text of contents.json."""
        return json.dumps(asdict(self), sort_keys=True) + "\n"


def load(text: str, at: str | Path = MANIFEST) -> Manifest:
    """Read manifest.json. Raises BackupError when it is none, or names what no set may have."""
    try:
        given = json.loads(text)
        if given["format"] != FORMAT:
            raise BackupError(at, f"has format {given['format']}, not {FORMAT}", "use the program that made it")
        services = {
            name: Kept(value["image"], tuple(value["keys"]), tuple(value["files"]))
            for name, value in given["services"].items()
        }
        known = {item.name for item in fields(Manifest)}
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        files = {name: File(**value) for name, value in given["files"].items()}
        plain.update(services=services, files=files)
        made = Manifest(**{key: value for key, value in plain.items() if key in known})
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise BackupError(at, f"is not a manifest: {fault!r}", "use another set") from None
    _refuse(made, at)
    return made


def _refuse(made: Manifest, at: str | Path) -> None:
    """Names become paths: what is not a plain name below the set is refused, signed or not."""
    wrong = [name for name in made.files if not FILE.fullmatch(name) or ".." in name.split("/")]
    wrong += [item for item in made.objects if not HASH.fullmatch(item)]
    wrong += [] if SET_ID.fullmatch(made.id) and made.kind in KINDS else [f"{made.kind}/{made.id}"]
    if wrong:
        raise BackupError(at, f"names {wrong[0]!r}", "no set of this program has such a name: use another set")


def load_contents(text: str, at: str | Path = CONTENTS) -> Contents:
    """Read contents.json. Raises BackupError when it is none."""
    try:
        given = json.loads(text)["services"]
        return Contents(
            {service: {name: Part(**part) for name, part in parts.items()} for service, parts in given.items()}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise BackupError(at, f"is not a set's contents: {fault!r}", "use another set") from None


def open_contents(config: Config, store: Store, ref: SetRef, work: Path) -> Contents:
    """Fetch and open a set's contents. `work` is a folder of mode 0700; only ciphertext is written there."""
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    sealed = work / f"{ref.id}.{CONTENTS}"
    sealed.unlink(missing_ok=True)
    try:
        store.fetch(ref, CONTENTS, sealed)
        return load_contents(crypt.decrypt_text(sealed, config), f"{ref}/{CONTENTS}")
    finally:
        sealed.unlink(missing_ok=True)
