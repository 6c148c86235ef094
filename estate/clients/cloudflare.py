"""Cloudflare's API (facts/apis.md, 4): when a token ends."""

from collections.abc import Callable
from datetime import datetime

import httpx

from estate.clients.errors import ApiError, BadAnswerError, RejectedError, UnauthorisedError
from estate.clients.http import Endpoint, Json, Policy, Session, moment
from estate.secrets.redact import redact

API = Endpoint("https://api.cloudflare.com/client/v4")
_WHERE = "cloudflare"
_REMEDY = "make a new token in Cloudflare's dashboard"


def _message(body: Json) -> str:
    errors = body.get("errors")
    rows = [row for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
    return redact("; ".join(str(row.get("message", "")) for row in rows))[:300]


def translate(where: str, status: int, body: Json) -> ApiError:
    """The error of an answer that is a failure, whatever its status; a malformed token is a 400."""
    text = f"{_message(body) or 'no message'} ({status})"
    return (UnauthorisedError if status in (200, 400, 401, 403) else RejectedError)(where, text, _REMEDY)


def token_expiry(
    token: str,
    *,
    transport: httpx.BaseTransport | None = None,
    policy: Policy | None = None,
    sleep: Callable[[float], None] | None = None,
) -> datetime | None:
    """When an API token ends; None when it never does.

    Raises UnauthorisedError when it is not active (disabled, expired, or none), other ApiErrors when nobody can tell.
    """
    redact.learn([token])
    session = Session(_WHERE, API, translate, policy or Policy(), transport, token=token)
    if sleep is not None:
        session.sleep = sleep
    try:
        answer = session.request("GET", "user/tokens/verify")
    finally:
        session.close()
    # A failure may come with status 200
    if answer.get("success") is not True:
        raise translate(_WHERE, 200, answer)
    result = answer.get("result")
    if not isinstance(result, dict) or not isinstance(result.get("status"), str):
        raise BadAnswerError(_WHERE, "the answer does not say whether the token is active")
    if result["status"] != "active":
        raise UnauthorisedError(_WHERE, f"the token is {redact(result['status'])[:40]}, not active", _REMEDY)
    return moment(_WHERE, result.get("expires_on"))
