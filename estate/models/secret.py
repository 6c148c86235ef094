"""Secrets as declarations: their name and kind, never a value."""

import re
from enum import StrEnum
from typing import Literal

from pydantic import Field, field_validator

from estate.models.base import Frozen, SecretName


class SecretKind(StrEnum):
    """What a value looks like, and so how it is generated and checked."""

    PASSWORD = "password"  # noqa: S105
    USERNAME = "username"
    HEX = "hex"
    BASE64 = "base64"
    ARGON2 = "argon2"
    AGE = "age"
    """The private key of an age recipient."""
    ED25519 = "ed25519"
    """A signing key as libsodium and RustDesk have it: 64 bytes in base64, seed and public half."""
    ED25519_PUBLIC = "ed25519-public"
    """The public half of the key whose name it has but for "_PUB"; made with it."""
    EXTERNAL = "external"
    INTEGER = "integer"


class SecretSpec(Frozen):
    """One named secret.

    + length: characters of a password, bytes of a hex or base64 key
    + default: the value of a username that need not be random
    + pattern: a regular expression that a value must match as a whole
    + fixed: why it cannot be rotated
    + bootstrap: needed before Infisical runs (by itself, or to bring it back), so the sealed file decides what it is
    + rotate_days: the age in days from which the audit asks for a rotation; 0: never
    + issuer: who can be asked when it expires
    """

    name: SecretName
    kind: SecretKind
    purpose: str
    length: int = Field(default=40, ge=1, le=4096)
    default: str = ""
    pattern: str = ""
    fixed: str = ""
    bootstrap: bool = False
    rotate_days: int = Field(default=0, ge=0)
    issuer: Literal["", "cloudflare"] = ""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @property
    def generated(self) -> bool:
        """Whether a value can be made here; an external one is issued by somebody else, a public half comes with
        its key."""
        return self.kind not in (SecretKind.EXTERNAL, SecretKind.INTEGER, SecretKind.ED25519_PUBLIC)
