"""New secret values, by kind."""

import base64
import secrets
import string

import pyrage
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from estate.models.secret import SecretKind, SecretSpec

_ALPHABET = string.ascii_letters + string.digits
"""Letters and digits only: safe in URLs, shells and every configuration format."""

_HASHER = PasswordHasher(time_cost=3, memory_cost=65540, parallelism=4)
"""Vaultwarden's own preset (facts/services-mainframe.md, 14: `vaultwarden hash`)."""


def plain_name(spec: SecretSpec) -> str:
    """Under which name the password behind a hash is kept for the operator; it is never deployed."""
    return f"{spec.name}_PLAIN"


def public_name(spec: SecretSpec) -> str:
    """Under which name the public half of an ed25519 key is kept."""
    return f"{spec.name}_PUB"


def _ed25519(spec: SecretSpec) -> dict[str, str]:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    both = base64.b64encode(key.private_bytes_raw() + public).decode()
    return {spec.name: both, public_name(spec): base64.b64encode(public).decode()}


def password(length: int) -> str:
    """A random password with at least one lower-case and upper-case letter and one digit."""
    while True:
        value = "".join(secrets.choice(_ALPHABET) for _ in range(length))
        classes = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
        if length < len(classes) or all(any(c in value for c in group) for group in classes):
            return value


def generate(spec: SecretSpec) -> dict[str, str]:
    """Values for one secret (a hash comes with the password behind it, a key with its public half).

    Raises ValueError for an external one.
    """
    match spec.kind:
        case SecretKind.PASSWORD:
            return {spec.name: password(spec.length)}
        case SecretKind.USERNAME:
            return {spec.name: spec.default or f"u{password(11).lower()}"}
        case SecretKind.HEX:
            return {spec.name: secrets.token_hex(spec.length)}
        case SecretKind.BASE64:
            return {spec.name: base64.b64encode(secrets.token_bytes(spec.length)).decode()}
        case SecretKind.ARGON2:
            plain = password(spec.length)
            return {spec.name: _HASHER.hash(plain), plain_name(spec): plain}
        case SecretKind.AGE:
            return {spec.name: str(pyrage.x25519.Identity.generate())}
        case SecretKind.ED25519:
            return _ed25519(spec)
        case _:
            raise ValueError(f"{spec.name} is issued by somebody else and cannot be generated")
