"""What backups derive from their secrets: the recipient of an identity, the signing key of a seed, rclone's file."""

from collections.abc import Iterable, Mapping

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from estate.models.backup import RcloneStore

_PLACEHOLDER = "placeholder-"
"""`estate render` has words in place of secrets; what would be derived from one is that word."""


def recipient(identity: str) -> str:
    """The public key of an age identity. Raises pyrage.IdentityError for what is none."""
    if identity.startswith(_PLACEHOLDER):
        return identity
    return str(pyrage.x25519.Identity.from_str(identity).to_public())


def _key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def signing_key(seed: str) -> str:
    """The ed25519 private key of a seed of 32 bytes in hex, as PKCS8 in PEM: always the same text (RFC 8410)."""
    if seed.startswith(_PLACEHOLDER):
        return f"{seed}\n"
    return _key(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_key(seed: str) -> str:
    """The public half of that key in PEM."""
    if seed.startswith(_PLACEHOLDER):
        return f"{seed}\n"
    return _key(seed).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _section(store: RcloneStore, key_id: str, key_secret: str) -> dict[str, str]:
    if store.type == "b2":
        return {"type": "b2", "account": key_id, "key": key_secret, "hard_delete": "false"}
    words = {
        "type": "s3",
        "provider": store.provider,
        "access_key_id": key_id,
        "secret_access_key": key_secret,
        "endpoint": store.endpoint,
        "region": store.region,
        # A key that is good for one bucket may neither list nor make them (facts/apis.md, 7)
        "no_check_bucket": "true",
    }
    return {name: value for name, value in words.items() if value}


def rclone_conf(stores: Iterable[RcloneStore], secrets: Mapping[str, str]) -> str:
    """rclone's configuration: a section a store, named like it."""
    parts = ["# Written by the deploy; a change made here is overwritten by the next one.\n"]
    for store in stores:
        lines = _section(store, secrets[store.key_id], secrets[store.key_secret])
        parts.append(f"\n[{store.name}]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()))
    return "".join(parts)
