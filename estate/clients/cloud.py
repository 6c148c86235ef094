"""What the APIs of providers have in common: a bearer token that is never shown, and advice that fits them."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    ServerFaultError,
    UnreachableError,
)
from estate.clients.http import Endpoint, Json, Policy, Session, Translate
from estate.secrets.redact import redact

PAGES = 100
"""More pages than that are no list but a fault of the server's."""
_ADVICE: dict[type[ApiError], str] = {
    UnreachableError: "see whether this machine reaches it, then run it again",
    RateLimitedError: "wait a minute, then run it again",
    ServerFaultError: "look at its status page, then run it again",
    BadAnswerError: "see what answers at this address (a proxy?)",
}


class CloudApi:
    """A session with a provider's API.

    + token: None: only what the provider tells everybody
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        translate: Translate,
        token: SecretStr | None,
        *,
        policy: Policy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        text = token.get_secret_value() if token else ""
        redact.learn([text])
        self.authenticated = bool(text)
        self._session = Session(name, endpoint, translate, policy or Policy(read=30), transport, token=text)
        if sleep is not None:
            self._session.sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def call(self, method: str, path: str, *, where: str, params: Json | None = None, body: Json | None = None) -> Json:
        """One API call. Raises ApiError, with advice that fits a provider."""
        try:
            return self._session.request(method, path, where=where, params=params, body=body)
        except ApiError as error:
            error.advice = _ADVICE.get(type(error), error.advice)
            raise


def rows(where: str, body: Json, key: str) -> list[Json]:
    """The objects that an answer lists under a key. Raises BadAnswerError when it lists none or something else."""
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise bad(where, f"the answer holds no list of {key}")
    return found


def text(where: str, row: Json, key: str) -> str:
    """A string of an object. Raises BadAnswerError."""
    value = row.get(key)
    if not isinstance(value, str):
        raise bad(where, f'the answer holds an entry without "{key}"')
    return value


def number(where: str, row: Json, key: str) -> float:
    """A number of an object. Raises BadAnswerError."""
    value: Any = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(where, f'the answer holds an entry whose "{key}" is no number')
    return float(value)


def words(where: str, row: Json, key: str) -> frozenset[str]:
    """A list of strings of an object; none when it has no such key. Raises BadAnswerError."""
    value = row.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad(where, f'the answer holds an entry whose "{key}" is no list of words')
    return frozenset(value)


def bad(where: str, fault: str) -> BadAnswerError:
    """An answer that is not what the API promises."""
    return BadAnswerError(where, fault, _ADVICE[BadAnswerError])
