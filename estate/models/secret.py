"""Secrets as declarations: their name and kind, never a value."""

from enum import StrEnum

from pydantic import Field

from estate.models.base import Frozen, SecretName


class SecretKind(StrEnum):
    """What a value looks like, and so how it is generated and checked."""

    PASSWORD = "password"  # noqa: S105
    USERNAME = "username"
    HEX = "hex"
    BASE64 = "base64"
    ARGON2 = "argon2"
    EXTERNAL = "external"
    INTEGER = "integer"


class SecretSpec(Frozen):
    """One named secret.

    + length: characters of a password, bytes of a hex or base64 key
    + default: the value of a username that need not be random
    """

    name: SecretName
    kind: SecretKind
    purpose: str
    length: int = Field(default=40, ge=1, le=4096)
    default: str = ""

    @property
    def generated(self) -> bool:
        """Whether a value can be made here; an external one is issued by somebody else."""
        return self.kind not in (SecretKind.EXTERNAL, SecretKind.INTEGER)
