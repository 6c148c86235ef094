"""Errors as Infisical writes them (facts/apis.md, 1.4)."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import JSONResponse

NAMES = {
    400: "BadRequest",
    401: "UnauthorizedError",
    403: "PermissionDenied",
    404: "NotFound",
    429: "RateLimitExceeded",
}


class Problem(Exception):  # noqa: N818 - an answer, not a fault of ours
    """An error answer; `error` defaults to the name that goes with the status."""

    def __init__(self, status: int, message: str | list[dict[str, Any]], error: str = "") -> None:
        super().__init__(str(status))
        self.status, self.message = status, message
        self.error = error or NAMES.get(status, "InternalServerError")

    def answer(self) -> JSONResponse:
        """The answer's status and body."""
        body = {
            "reqId": f"req-{secrets.token_hex(7)}",
            "statusCode": self.status,
            "message": self.message,
            "error": self.error,
        }
        return JSONResponse(body, self.status)


def required(body: dict[str, Any], *names: str) -> None:
    """Refuse a body that lacks a text field, in the form of zod's issues."""
    issues = [
        {"code": "invalid_type", "expected": "string", "path": [name], "message": "Required"}
        for name in names
        if not isinstance(body.get(name), str) or not body[name]
    ]
    if issues:
        raise Problem(422, issues, "ValidationFailure")
