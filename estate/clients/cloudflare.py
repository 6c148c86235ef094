"""Cloudflare's API (facts/apis.md, 4): when a token ends."""

from datetime import datetime

import httpx

from estate.clients.errors import ApiError, RejectedError, UnauthorisedError
from estate.clients.http import Endpoint, Json, Policy, Session
from estate.secrets.redact import redact

API = Endpoint("https://api.cloudflare.com/client/v4")


def _message(body: Json) -> str:
    errors = body.get("errors") or []
    return redact("; ".join(str(error.get("message", "")) for error in errors if isinstance(error, dict)))[:300]


def translate(where: str, status: int, body: Json) -> ApiError:
    """The error of a 4xx answer."""
    text, remedy = f"{_message(body) or 'no message'} ({status})", "make a new token in Cloudflare's dashboard"
    return (UnauthorisedError if status in (400, 401, 403) else RejectedError)(where, text, remedy)


def token_expiry(
    token: str, *, transport: httpx.BaseTransport | None = None, policy: Policy | None = None
) -> datetime | None:
    """When an API token ends; None when it never does. Raises ApiError when it is not active."""
    redact.learn([token])
    session = Session("cloudflare", API, translate, policy or Policy(), transport, token=token)
    try:
        answer = session.request("GET", "user/tokens/verify")
    finally:
        session.close()
    result = answer.get("result") or {}
    # A failure may come with status 200
    if not answer.get("success") or result.get("status") != "active":
        raise translate(
            "cloudflare", 401, answer if not answer.get("success") else {"errors": [{"message": "not active"}]}
        )
    expires = result.get("expires_on")
    return datetime.fromisoformat(str(expires).replace("Z", "+00:00")) if expires else None
