"""Cloudflare: when a token ends, and everything that is no answer to that."""

from datetime import UTC, datetime

import httpx
import pytest

from estate.clients.cloudflare import token_expiry
from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    RejectedError,
    ServerFaultError,
    UnauthorisedError,
    UnreachableError,
)

BEARER = "cf-bearer-0123456789"
EMPTY = {"errors": [], "messages": []}


def active(**more):
    return {"success": True, "result": {"id": "a1", "status": "active", **more}, **EMPTY}


def ask(status, body, seen=None):
    def handle(request):
        if seen is not None:
            seen.append(request)
        if isinstance(body, Exception):
            raise body
        return httpx.Response(status, **({"content": body} if isinstance(body, bytes) else {"json": body}))

    return token_expiry(BEARER, transport=httpx.MockTransport(handle), sleep=lambda _: None)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({}, None),
        ({"expires_on": None}, None),
        ({"expires_on": "2027-01-31T23:59:59Z"}, datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ({"expires_on": "2027-01-31"}, datetime(2027, 1, 31, tzinfo=UTC)),
        (
            {"expires_on": "2027-01-31T00:00:00Z", "not_before": "2026-01-01T00:00:00Z"},
            datetime(2027, 1, 31, tzinfo=UTC),
        ),
    ],
)
def test_when_a_token_ends(result, expected):
    seen = []
    assert ask(200, active(**result), seen) == expected
    assert str(seen[0].url) == "https://api.cloudflare.com/client/v4/user/tokens/verify"
    assert (seen[0].method, seen[0].headers["authorization"]) == ("GET", f"Bearer {BEARER}")


def failure(code, message):
    return {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (200, failure(1000, "Invalid API Token"), UnauthorisedError, r"Invalid API Token \(200\)"),
        (200, {**active(), "success": False}, UnauthorisedError, "no message"),
        (200, {"result": active()["result"]}, UnauthorisedError, "no message"),
        (200, {**active(), "success": "yes"}, UnauthorisedError, "no message"),
        (200, active(status="disabled"), UnauthorisedError, "the token is disabled, not active"),
        (200, active(status="expired"), UnauthorisedError, "the token is expired, not active"),
        (200, active(status=None), BadAnswerError, "does not say"),
        (200, {"success": True, "result": None}, BadAnswerError, "does not say"),
        (200, {"success": True, "result": ["active"]}, BadAnswerError, "does not say"),
        (200, active(expires_on="soon"), BadAnswerError, "point in time"),
        (200, b"<html>", BadAnswerError, "not a JSON object"),
        (400, failure(6003, "Invalid request headers"), UnauthorisedError, r"\(400\)"),
        (401, failure(1000, "Invalid API Token"), UnauthorisedError, r"\(401\)"),
        (403, failure(9109, "Unauthorized"), UnauthorisedError, r"\(403\)"),
        (404, {"errors": "none"}, RejectedError, r"no message \(404\)"),
        (404, {"errors": [None, "x", {"message": "y"}]}, RejectedError, r"y \(404\)"),
        (429, failure(971, "throttled"), RateLimitedError, "429"),
        (503, b"", ServerFaultError, "503"),
        (0, httpx.ConnectError("refused"), UnreachableError, "no connection"),
    ],
)
def test_what_is_no_answer(status, body, error, said):
    with pytest.raises(error, match=said):
        ask(status, body)


@pytest.mark.parametrize("status", [200, 401, 404])
def test_an_error_that_repeats_the_token_is_masked(status):
    with pytest.raises(ApiError) as caught:
        ask(status, failure(1000, f"no such token: {BEARER}"))
    assert BEARER not in f"{caught.value} {caught.value!r} {caught.value.fault}"
