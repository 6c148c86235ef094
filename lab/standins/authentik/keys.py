"""The signing key of all providers: made once, kept in the database, published as a JWK set."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from lab.standins.rows import Store


class SigningKey:
    """RS256, as Authentik's self-signed certificate gives it."""

    def __init__(self, store: Store) -> None:
        if store.get("key", "signing") is None:
            store.add("key", "signing", {"pem": _new()})
        pem = (store.get("key", "signing") or {})["pem"]
        key = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(key, RSAPrivateKey)  # noqa: S101 - _new() made it
        self._key = key
        public: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
        self.kid = sha256(public["n"].encode()).hexdigest()[:32]
        self.jwks = {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def sign(self, claims: dict[str, Any]) -> str:
        """A signed token."""
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.kid})


def _new() -> str:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
