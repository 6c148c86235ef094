"""Faults that can be switched on while the server runs; the file that names one is read at every request.

| word | every API answer except /api/status |
|---|---|
| `slow SECONDS` | comes late |
| `401`, `403-expired`, `403-denied`, `404` | is that error |
| `429 [N]`, `500 [N]`, `503 [N]` | is that error; with a number only for the next N requests |
| `garbage` | is 200 and no JSON |
| `cut` | ends in the middle |
| `drop` | is none: the connection is closed |
| `empty`, `partial`, `unset` | lists no secrets; the first half of them; `__UNSET__` for every second value |
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lab.standins.infisical.problems import Problem

VARIABLE, DEFAULT = "ESTATE_LAB_FAULT_FILE", "/tmp/estate-fault"  # noqa: S108 - in the container
PROBLEMS = {
    "401": Problem(401, "Invalid credentials"),
    "403-expired": Problem(403, "Your token has expired. Please re-authenticate.", "TokenError"),
    "403-denied": Problem(403, "You are not allowed to read secrets"),
    "404": Problem(404, "Not found"),
    "429": Problem(429, "Rate limit exceeded. Please try again in 1 seconds"),
    "500": Problem(500, "Something went wrong"),
    "503": Problem(503, "Service unavailable", "ServiceUnavailable"),
}


class Cut(Response):
    """An answer that promises more than it gives."""

    def __init__(self) -> None:
        super().__init__(b'{"secrets": [', 200, {"content-length": "4096"}, "application/json")


class Drop(Response):
    """No answer at all."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Break the connection."""
        raise ConnectionAbortedError("a fault that was asked for")


class Faults:
    """The fault file."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.path = Path(environment.get(VARIABLE, DEFAULT))

    def words(self) -> list[str]:
        """What is switched on."""
        try:
            return self.path.read_text().split()
        except OSError:
            return []

    def _count_down(self, word: str, left: int) -> None:
        if left > 1:
            self.path.write_text(f"{word} {left - 1}\n")
        else:
            self.path.unlink(missing_ok=True)

    async def answer(self, request: Request, serve: Callable[[Request], Awaitable[Response]]) -> Response:
        """The answer to a request, spoilt as asked for."""
        words = self.words()
        word = words[0] if words else ""
        if word == "slow":
            await asyncio.sleep(float(words[1]))
        elif word in PROBLEMS:
            if len(words) > 1:
                self._count_down(word, int(words[1]))
            return PROBLEMS[word].answer()
        elif word == "garbage":
            return Response("<html>502 Bad Gateway</html>", 200, media_type="text/html")
        elif word == "cut":
            return Cut()
        elif word == "drop":
            return Drop()
        return await serve(request)

    def spoil(self, body: dict[str, Any]) -> dict[str, Any]:
        """A list of secrets, spoilt as asked for."""
        word = (self.words() or [""])[0]
        rows = body["secrets"]
        if word == "empty":
            rows = []
        elif word == "partial":
            rows = rows[: len(rows) // 2]
        elif word == "unset":
            rows = [{**row, "secretValue": "__UNSET__"} if n % 2 else row for n, row in enumerate(rows)]
        return {**body, "secrets": rows}
