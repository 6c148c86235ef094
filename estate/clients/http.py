"""One HTTP session: time limits, retries with back-off, an address and an authority of one's own."""

import math
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception

from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    RejectedError,
    ServerFaultError,
    UnreachableError,
)
from estate.secrets.redact import redact

Json = dict[str, Any]
Translate = Callable[[str, int, Json], ApiError]
"""Makes the error of a 4xx answer: where, status, body."""
_HEADER = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Endpoint:
    """Where an API answers.

    + address: connect here instead of to what the URL's name resolves to; the name is still verified
    + authority: PEM of the certificate authority to trust beside the system's
    """

    url: str
    address: str = ""
    authority: str = ""


@dataclass(frozen=True)
class Policy:
    """Time limits and retries; times in seconds.

    + patience: no further attempt begins after this time, however many are left
    + longest_wait: between two attempts, unless the server asks for more
    """

    connect: float = 5
    read: float = 10
    attempts: int = 5
    patience: float = 30
    first_wait: float = 0.5
    longest_wait: float = 20

    def wait(self, state: RetryCallState) -> float:
        """Seconds before the next attempt: doubled each time, or what the server asks for."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ApiError) else 0.0
        return max(asked, min(self.first_wait * 2.0 ** (state.attempt_number - 1), self.longest_wait))

    def stop(self, state: RetryCallState) -> bool:
        """Whether this was the last attempt; asking before the server wants to be asked is of no use."""
        begun = max(state.seconds_since_start or 0, state.idle_for)
        return state.attempt_number >= self.attempts or begun + state.upcoming_sleep > self.patience


class _AtAddress(httpx.BaseTransport):
    """Connects to a fixed address; name, certificate check and Host header stay the URL's."""

    def __init__(self, inner: httpx.BaseTransport, address: str) -> None:
        self._inner, self._address = inner, address

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=self._address)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def _transport(endpoint: Endpoint) -> httpx.BaseTransport:
    context = ssl.create_default_context()
    if endpoint.authority:
        context.load_verify_locations(cadata=endpoint.authority)
    inner = httpx.HTTPTransport(verify=context)
    return _AtAddress(inner, endpoint.address) if endpoint.address else inner


@dataclass
class Session:
    """Requests to one API.

    + name: what the API is called in errors ("infisical")
    + translate: makes the error of a 4xx answer
    """

    name: str
    endpoint: Endpoint
    translate: Translate
    policy: Policy = field(default_factory=Policy)
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        policy = self.policy
        self._client = httpx.Client(
            base_url=self.endpoint.url,
            transport=self.transport or _transport(self.endpoint),
            timeout=httpx.Timeout(policy.read, connect=policy.connect),
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def request(
        self, method: str, path: str, *, where: str = "", params: Json | None = None, body: Json | None = None
    ) -> Json:
        """One call, retried on 429, 5xx and connection faults.

        A POST that may have reached the server is not repeated: none of the creating calls is idempotent.
        Raises ApiError.
        """
        where = where or self.name
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, ApiError) and error.transient),
            wait=self.policy.wait,
            stop=self.policy.stop,
            sleep=self.sleep,
            reraise=True,
        )
        result: Json = retrying(self._once, method, path, where, params, body)
        return result

    def _once(self, method: str, path: str, where: str, params: Json | None, body: Json | None) -> Json:
        repeatable = method != "POST" or path.endswith("/login")
        if not _HEADER.fullmatch(self.token):
            fault = "its token holds characters that no token has"
            raise RejectedError(where, fault, "paste it again, without quotes, spaces and line breaks")
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = self._client.request(method, path, params=params, json=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            fault = "its certificate cannot be trusted" if untrusted else "no connection"
            raise UnreachableError(where, f"{fault} ({self.endpoint.url})", transient=not untrusted) from None
        except httpx.HTTPError as error:
            fault = f"no answer ({self.endpoint.url}, {type(error).__name__})"
            raise UnreachableError(where, fault, transient=repeatable) from None
        if answer.status_code == 204 and method == "DELETE":
            return {}
        return self._checked(answer, where, repeatable)

    def _checked(self, answer: httpx.Response, where: str, repeatable: bool) -> Json:
        status = answer.status_code
        try:
            document = answer.json()
        except ValueError:
            document = None
        if status == 429:
            wait = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
            asked = f", to be tried again in {math.ceil(wait)} s" if wait else ""
            raise RateLimitedError(where, f"too many requests (429){asked}", retry_after=wait, transient=True)
        if status >= 500:
            raise ServerFaultError(where, f"server fault ({status})", transient=repeatable)
        if status >= 400:
            raise self.translate(where, status, document if isinstance(document, dict) else {})
        if status >= 300 or not isinstance(document, dict):
            raise BadAnswerError(where, f"the answer is not a JSON object (status {status})")
        return document


def retry_after(text: str, now: datetime) -> float:
    """Seconds of a Retry-After header, which holds a number or a date; 0 when it holds neither."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text).astimezone(UTC) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return seconds if 0 < seconds < math.inf else 0.0


def moment(where: str, text: object) -> datetime | None:
    """A point in time of an answer, in UTC unless it says otherwise; None for nothing. Raises BadAnswerError."""
    if text in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadAnswerError(where, "the answer holds a point in time that is none") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def message_of(body: Json) -> str:
    """An error body's message as one masked line: it may be a text, or a list of issues."""
    message = body.get("message") or ""
    if isinstance(message, list):
        message = "; ".join(_issue(item) for item in message)
    elif not isinstance(message, str):
        message = ""  # an object can hold anything
    return " ".join(redact(message).split())[:300]


def _issue(item: object) -> str:
    if not isinstance(item, dict):
        return str(item) if isinstance(item, str) else ""
    path = item.get("path")
    where = ".".join(map(str, path)) if isinstance(path, list) else ""
    return f"{where} {item.get('message', '')}".strip()
