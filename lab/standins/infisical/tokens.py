"""Access tokens: JSON web tokens signed with AUTH_SECRET."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signature(text: str, secret: str) -> str:
    return _encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def issue(claims: dict[str, Any], secret: str) -> str:
    """Sign claims (HS256)."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    text = ".".join(_encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{text}.{_signature(text, secret)}"


def claims(token: str, secret: str) -> dict[str, Any] | None:
    """Give the claims of a token signed with this secret, or None."""
    text, _, signature = token.rpartition(".")
    if not text or not hmac.compare_digest(_signature(text, secret), signature):
        return None
    payload = text.partition(".")[2]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return dict(found)
