"""One session with an API: what is repeated, after which wait, and what is never repeated."""

import ssl
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    RejectedError,
    ServerFaultError,
    UnauthorisedError,
    UnreachableError,
)
from estate.clients.http import Endpoint, Policy, Session, message_of, moment, retry_after
from estate.secrets.redact import MASK, redact

NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)
BEARER = "bearer-0123456789-abcdef"
BODY = {"value": "poison-0123456789"}


class Server:
    """Answers in turn, the last one for good; remembers requests and the waits between them."""

    def __init__(self, *answers):
        self.answers, self.requests, self.waits = list(answers), [], []

    def handle(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return httpx.Response(status, headers=headers, json={"ok": status})

    def session(self, **policy):
        return Session(
            "api",
            Endpoint("https://api.test"),
            lambda where, status, body: RejectedError(where, f"no ({status})"),
            Policy(**policy),
            httpx.MockTransport(self.handle),
            self.waits.append,
            BEARER,
        )


def ask(server, method="GET", path="/x", **policy):
    return server.session(**policy).request(method, path, body=BODY if method != "GET" else None)


@pytest.mark.parametrize(
    ("answers", "waits"),
    [
        ((200,), []),
        ((500, 200), [0.5]),
        ((503, 200), [0.5]),
        ((429, 200), [0.5]),
        ((httpx.ConnectError("refused"), 200), [0.5]),
        ((httpx.ConnectTimeout("late"), 200), [0.5]),
        ((httpx.ReadTimeout("late"), 200), [0.5]),
        ((httpx.RemoteProtocolError("cut"), 200), [0.5]),
        ((500, 502, 503, 504, 200), [0.5, 1, 2, 4]),
        ((500, (429, {"retry-after": "7"}), 200), [0.5, 7]),
        (((429, {"retry-after": "0"}), 200), [0.5]),
        (((429, {"retry-after": "0.1"}), 200), [0.5]),
        (((429, {"retry-after": "soon"}), 200), [0.5]),
        (((429, {"retry-after": "29"}), 200), [29]),
    ],
)
def test_a_fault_that_passes_is_waited_for(answers, waits):
    server = Server(*answers)
    assert ask(server) == {"ok": 200}
    assert server.waits == waits


@pytest.mark.parametrize(
    ("answer", "error", "waits"),
    [
        (500, ServerFaultError, [0.5, 1, 2, 4]),
        (429, RateLimitedError, [0.5, 1, 2, 4]),
        (httpx.ConnectError("refused"), UnreachableError, [0.5, 1, 2, 4]),
        ((429, {"retry-after": "12"}), RateLimitedError, [12, 12]),
        ((429, {"retry-after": "31"}), RateLimitedError, []),
        ((429, {"retry-after": "3600"}), RateLimitedError, []),
        (400, RejectedError, []),
        (401, RejectedError, []),
        (403, RejectedError, []),
        (404, RejectedError, []),
        (422, RejectedError, []),
        (302, BadAnswerError, []),
    ],
)
def test_a_fault_that_stays_is_given_up(answer, error, waits):
    server = Server(answer)
    with pytest.raises(error):
        ask(server)
    assert server.waits == waits
    assert len(server.requests) == len(waits) + 1


def test_the_wait_is_bounded_and_no_attempt_begins_after_the_patience():
    server = Server(500)
    with pytest.raises(ServerFaultError):
        ask(server, attempts=99, patience=20, first_wait=1, longest_wait=4)
    assert server.waits == [1, 2, 4, 4, 4, 4]


def test_how_long_a_server_asks_to_wait_is_said():
    with pytest.raises(RateLimitedError, match=r"too many requests \(429\), to be tried again in 3600 s"):
        ask(Server((429, {"retry-after": "3600"})))


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut"), 500, 503])
@pytest.mark.parametrize(
    ("method", "path", "times"),
    [("POST", "/x", 1), ("POST", "/auth/login", 5), ("PATCH", "/x", 5), ("DELETE", "/x", 5), ("GET", "/x", 5)],
)
def test_what_may_have_made_something_is_not_repeated(fault, method, path, times):
    server = Server(fault)
    with pytest.raises(ApiError):
        ask(server, method, path)
    assert len(server.requests) == times


@pytest.mark.parametrize("fault", [httpx.ConnectError("refused"), httpx.ConnectTimeout("late"), 429])
def test_what_surely_made_nothing_is_repeated_even_if_it_makes_something(fault):
    server = Server(fault, 201)
    assert ask(server, "POST") == {"ok": 201}


def test_a_certificate_that_cannot_be_trusted_is_not_asked_again():
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    server = Server(error)
    with pytest.raises(UnreachableError, match="certificate cannot be trusted"):
        ask(server)
    assert server.waits == []


@pytest.mark.parametrize("content", [b"<html>", b"", b"[1]", b'"text"', b"null", b"\xff\xfe{", b"{"])
def test_an_answer_that_is_no_json_object_is_refused(content):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content))
    session = Session("api", Endpoint("https://api.test"), lambda *_: RejectedError("", ""), transport=transport)
    with pytest.raises(BadAnswerError, match=r"not a JSON object \(status 200\)"):
        session.request("GET", "/x")


@pytest.mark.parametrize("bearer", ["tok\u2026en-0123456789", "token-0123456789\nHost: x", "token-0123456789 "])
def test_a_credential_that_no_header_can_hold_is_said_without_repeating_it(bearer):
    server = Server(200)
    session = server.session()
    session.token = bearer
    with pytest.raises(RejectedError, match="characters that no token has") as caught:
        session.request("GET", "/x")
    assert server.requests == []
    assert "0123456789" not in f"{caught.value} {caught.value!r} {caught.value.fault}"


@pytest.mark.parametrize(
    "answer",
    [400, 401, 403, 404, 429, 500, 302, httpx.ConnectError(BEARER), httpx.ReadTimeout(BEARER), httpx.ReadError(BEARER)],
)
def test_no_error_and_no_representation_holds_the_token_or_what_was_sent(answer):
    server = Server(answer)
    session = server.session()
    with pytest.raises(ApiError) as caught:
        session.request("PATCH", "/x", body=BODY)
    shown = f"{caught.value} {caught.value!r} {caught.value.fault} {caught.value.advice} {session!r}"
    assert BEARER not in shown
    assert BODY["value"] not in shown
    assert server.requests[0].headers["authorization"] == f"Bearer {BEARER}"


def test_an_address_of_ones_own_keeps_name_and_host():
    from estate.clients.http import _AtAddress

    seen = []

    def handle(request):
        seen.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return httpx.Response(200, json={})

    transport = _AtAddress(httpx.MockTransport(handle), "172.30.0.9")
    session = Session("api", Endpoint("https://api.test"), lambda *_: RejectedError("", ""), transport=transport)
    assert session.request("GET", "/x") == {}
    assert seen == [("172.30.0.9", "api.test", "api.test")]


def test_an_authority_that_is_none_is_an_error_before_anything_is_asked():
    with pytest.raises(ssl.SSLError):
        Session("api", Endpoint("https://api.test", authority="no PEM"), lambda *_: RejectedError("", ""))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("5", 5),
        ("1.5", 1.5),
        ("-5", 0),
        ("inf", 0),
        ("nan", 0),
        ("soon", 0),
        ("Fri, 08 May 2026 12:00:09 GMT", 9),
        ("Fri, 08 May 2026 11:00:00 GMT", 0),
        ("Fri, 99 May 2026 11:00:00 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(text, seconds):
    assert retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("2026-05-08T12:00:00Z", NOW),
        ("2026-05-08T12:00:00.000Z", NOW),
        ("2026-05-08T14:00:00+02:00", NOW),
        ("2026-05-08T12:00:00", NOW),
        ("2026-05-08", NOW - timedelta(hours=12)),
    ],
)
def test_a_moment_always_has_a_zone(text, expected):
    found = moment("api", text)
    assert found == expected
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize("text", ["tomorrow", 5, {}, "2026-13-01"])
def test_a_moment_that_is_none_is_a_bad_answer(text):
    with pytest.raises(BadAnswerError, match="point in time"):
        moment("api", text)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, ""),
        ({"message": None}, ""),
        ({"message": "  no\n such project "}, "no such project"),
        ({"message": {"any": "thing"}}, ""),
        ({"message": 5}, ""),
        ({"message": [{"path": ["secrets", 0, "secretKey"], "message": "Required"}]}, "secrets.0.secretKey Required"),
        ({"message": [{"message": "a"}, {"path": None, "message": "b"}, "c", None, 4]}, "a; b; c; ; "),
        ({"message": "x" * 400}, "x" * 300),
    ],
)
def test_a_message_may_be_anything(body, said):
    assert message_of(body) == said.strip()


def test_a_message_that_repeats_a_value_is_masked():
    redact.learn(["poison-abcdefghij"])
    assert message_of({"message": "bad value poison-abcdefghij"}) == f"bad value {MASK}"
    assert message_of({"message": [{"path": ["poison-abcdefghij"], "message": "x"}]}) == f"{MASK} x"


def test_an_error_of_4xx_is_made_by_the_api_itself():
    session = Session(
        "api",
        Endpoint("https://api.test"),
        lambda where, status, body: UnauthorisedError(where, f"{status} {body}"),
        transport=httpx.MockTransport(lambda request: httpx.Response(401, text="<html>")),
    )
    with pytest.raises(UnauthorisedError, match=r"here: 401 \{\}"):
        session.request("GET", "/x", where="here")
