"""The sealed copy: every secret in one age-encrypted file that each of the operator's keys opens.

It is what the first deploy starts from, what `--secrets sealed` deploys from when Infisical is down, and
the only place that decides Infisical's own keys. `age -d -i IDENTITY FILE` shows it without this program.
"""

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import pyrage
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, ValidationError
from pydantic_core.core_schema import SerializationInfo

from estate.models.faults import EstateFaults, Fault
from estate.secrets.redact import MASK, redact


def _shown(value: SecretStr, info: SerializationInfo) -> str:
    return value.get_secret_value() if info.context == _SEALING else MASK


_SEALING = {"sealing": True}
Hidden = Annotated[SecretStr, PlainSerializer(_shown, return_type=str)]
"""A secret whose value is written only while the file is being sealed."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Entry(_Part):
    """A secret's value, since when it has that, and until when it is good."""

    value: Hidden
    since: datetime
    expires: date | None = None


class Issued(_Part):
    """A client secret that Infisical gave out; its id, text, and when it ends."""

    id: str
    secret: Hidden
    expires: datetime | None = None


class Identity(_Part):
    """A machine identity with universal auth.

    + next: a client secret that is about to replace the present one
    + retired: one that was replaced and is to be revoked
    """

    id: str
    client_id: str
    secret: Issued
    next: Issued | None = None
    retired: Issued | None = None


class Access(_Part):
    """How Infisical lets us in: the admin, and one machine identity for each use.

    + bootstrap_token: only until the operator's identity is proven
    + complete: every secret has been pushed; from here on the deploy reads Infisical
    """

    admin_email: str
    admin_password: Hidden
    organization: str = ""
    project: str = ""
    bootstrap_token: Hidden | None = None
    operator: Identity | None = None
    deploy: Identity | None = None
    host: Identity | None = None
    complete: bool = False

    def host_token(self) -> dict[str, str]:
        """What `.env.infisical` holds: the credentials of the host's own identity, or nothing without one."""
        if self.host is None:
            return {}
        secret = self.host.secret.secret.get_secret_value()
        return {"INFISICAL_CLIENT_ID": self.host.client_id, "INFISICAL_CLIENT_SECRET": secret}


class Rotation(_Part):
    """A rotation under way: what an interrupted one is finished or undone with.

    + name: the secret's name; the names of several with spaces between them
    """

    name: str
    old: dict[str, Hidden]
    new: dict[str, Hidden]


class Sealed(_Part):
    """The file's content."""

    version: int = 1
    estate: str
    sealed_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    secrets: dict[str, Entry] = Field(default_factory=dict)
    access: Access | None = None
    rotation: Rotation | None = None

    def values(self) -> dict[str, str]:
        """Every value by name."""
        return {name: entry.value.get_secret_value() for name, entry in self.secrets.items()}

    def put(self, values: Mapping[str, str], now: datetime | None = None) -> None:
        """Set values; one that is what it was keeps its date."""
        redact.learn(values.values())
        for name, value in values.items():
            entry = self.secrets.get(name)
            if entry is None or entry.value.get_secret_value() != value:
                self.secrets[name] = Entry(value=SecretStr(value), since=now or datetime.now(UTC))


def write_private(path: Path, data: bytes) -> None:
    """Replace a file in one step; it is never readable by others, nor ever half written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.estate-new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
        os.fchmod(handle.fileno(), 0o600)
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(path)


def identity_of(path: Path) -> pyrage.x25519.Identity | pyrage.ssh.Identity:
    """The private key in a file. Raises EstateFaults when there is none, or when others can read it."""
    where = str(path)
    if not path.exists():
        remedy = "`estate secrets keygen`, or set secret_store/identity to where your key lies"
        raise EstateFaults([Fault(where, "no age identity", remedy)])
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise EstateFaults([Fault(where, "others can read it", f"chmod 600 {where}")])
    text = path.read_bytes()
    try:
        found = re.search(rb"^AGE-SECRET-KEY-1[0-9A-Z]+$", text, re.MULTILINE)
        if found:
            return pyrage.x25519.Identity.from_str(found[0].decode())
        return pyrage.ssh.Identity.from_buffer(text)
    except (pyrage.IdentityError, ValueError):
        fault = "neither an age identity nor an unencrypted ssh-ed25519 key"
        raise EstateFaults([Fault(where, fault, "use one made by `age-keygen` or `estate secrets keygen`")]) from None


def recipients_of(keys: Iterable[str]) -> list[pyrage.x25519.Recipient | pyrage.ssh.Recipient]:
    """Public keys, parsed. Raises EstateFaults for those that are none."""
    found, faults = [], []
    for index, key in enumerate(keys):
        try:
            kind = pyrage.x25519 if key.startswith("age1") else pyrage.ssh
            found.append(kind.Recipient.from_str(key.strip()))
        except (pyrage.RecipientError, ValueError):
            remedy = "write an age1… key or an ssh-ed25519 public key"
            faults.append(Fault(f"group_data/age_recipients/{index}", "not a public key that age knows", remedy))
    if faults:
        raise EstateFaults(faults)
    return found


def keygen(path: Path) -> str:
    """Make an identity file of mode 0600, unless there is one; returns the public key. Raises EstateFaults."""
    if not path.exists():
        made = pyrage.x25519.Identity.generate()
        write_private(path, f"# public key: {made.to_public()}\n{made}\n".encode())
    identity = identity_of(path)
    if not isinstance(identity, pyrage.x25519.Identity):
        raise EstateFaults([Fault(str(path), "an SSH key", "its .pub file holds the recipient")])
    return str(identity.to_public())


class SealedFile:
    """The sealed copy on disk.

    + identity: the private key's file
    + recipients: public keys that it is sealed for
    """

    def __init__(self, path: Path, identity: Path, recipients: Iterable[str]) -> None:
        self.path, self.identity, self.recipients = path, identity, tuple(recipients)

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def open(self) -> Sealed:
        """Decrypt and read it; every value is masked from then on.

        Raises EstateFaults: no file, no key or another's, or a damaged file.
        """
        where = str(self.path)
        if not self.exists:
            raise EstateFaults([Fault(where, "no sealed secrets", "make them with `estate secrets init INVENTORY`")])
        identity = identity_of(self.identity)
        try:
            plain = pyrage.decrypt(self.path.read_bytes(), [identity])
        except pyrage.DecryptError as error:
            fault = f"cannot be opened with {self.identity}: {error}"
            raise EstateFaults(
                [Fault(where, fault, "use a recipient's key, or restore the file from a copy")]
            ) from None
        try:
            sealed = Sealed.model_validate_json(plain)
        except ValidationError:
            raise EstateFaults([Fault(where, "not what this version writes", "restore it from a copy")]) from None
        _learn(sealed)
        return sealed

    def save(self, sealed: Sealed) -> None:
        """Seal it anew for all recipients, in one step. Raises EstateFaults for a bad recipient."""
        recipients = recipients_of(self.recipients)
        sealed.sealed_at = datetime.now(UTC)
        _learn(sealed)
        plain = json.dumps(sealed.model_dump(mode="json", context=_SEALING), indent=1).encode()
        write_private(self.path, pyrage.encrypt(plain, recipients, armored=True))


def _learn(sealed: Sealed) -> None:
    redact.learn(sealed.values().values())
    access = sealed.access
    if access is None:
        return
    redact.learn([access.admin_password.get_secret_value()])
    if access.bootstrap_token:
        redact.learn([access.bootstrap_token.get_secret_value()])
    for identity in (access.operator, access.deploy, access.host):
        for issued in (identity.secret, identity.next, identity.retired) if identity else ():
            redact.learn([issued.secret.get_secret_value()] if issued else [])
