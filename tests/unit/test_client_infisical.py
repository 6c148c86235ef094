"""Infisical's API: what is read and written, and every way in which an answer is not to be believed."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qs

import httpx
import pytest

from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    ServerFaultError,
    TokenExpiredError,
    UnauthorisedError,
)
from estate.clients.http import Endpoint
from estate.clients.infisical import Infisical, Scope, ServiceToken
from estate.secrets.redact import redact

SCOPE = Scope("project-id", "prod", "/")
BEARER = "bearer-0123456789-abcdef"
LAST_DAY = datetime(2026, 5, 9, tzinfo=UTC)
POISON = sha256(b"poison").hexdigest()[:24]
LIST, OLD_LIST = "/api/v4/secrets", "/api/v3/secrets/raw"
BATCH, OLD_BATCH = "/api/v4/secrets/batch", "/api/v3/secrets/batch/raw"
MISSING_ROUTE = {"message": "Route GET:/api/v4/secrets not found", "error": "Not Found", "statusCode": 404}


def problem(status, message, error="Error"):
    return status, {"reqId": "r", "statusCode": status, "message": message, "error": error}


class Server:
    """Answers by path, or in turn; remembers what was asked, and the waits between."""

    def __init__(self, answers):
        self.answers, self.asked, self.waits = answers, [], []

    def handle(self, request):
        path = request.url.raw_path.decode().partition("?")[0]
        self.asked.append((request.method, path, request))
        answer = self.answers[path] if isinstance(self.answers, dict) else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return httpx.Response(status, content=body) if isinstance(body, bytes) else httpx.Response(status, json=body)

    def client(self, token=BEARER):
        transport = httpx.MockTransport(self.handle)
        return Infisical(Endpoint("https://secrets.test"), token, transport=transport, sleep=self.waits.append)

    @property
    def paths(self):
        return [path for _, path, _ in self.asked]

    def query(self, index=0):
        return {name: value[0] for name, value in parse_qs(self.asked[index][2].url.query.decode()).items()}

    def body(self, index=0):
        return json.loads(self.asked[index][2].content)


def row(name, value, **more):
    return {"secretKey": name, "secretValue": value, "type": "shared", "environment": "prod", "secretPath": "/"} | more


def listing(*rows, imports=None):
    return {"secrets": list(rows)} | ({} if imports is None else {"imports": imports})


def read(*rows, imports=None, scope=SCOPE):
    return Server([listing(*rows, imports=imports)]).client().secrets(scope)


def test_reading_asks_for_everything_by_both_spellings():
    server = Server({LIST: listing(row("A", "1"), row("B", ""))})
    assert server.client().secrets(SCOPE) == {"A": "1", "B": ""}
    assert server.query() == {
        **{"projectId": "project-id", "environment": "prod", "secretPath": "/", "recursive": "false"},
        **{"include_imports": "true", "includeImports": "true", "expandSecretReferences": "true"},
        "viewSecretValue": "true",
    }


def test_personal_values_of_somebody_are_left_out():
    assert read(row("A", "shared"), row("A", "mine", type="personal")) == {"A": "shared"}


def test_an_import_is_below_the_folder_itself_and_above_the_imports_before_it():
    imports = [
        {
            "secretPath": "/a",
            "environment": "prod",
            "secrets": [row("A", "a", secretPath="/a"), row("B", "a"), row("C", "a")],
        },
        {"secretPath": "/b", "environment": "dev", "secrets": [row("B", "b", secretPath="/b"), row("C", "b")]},
    ]
    assert read(row("C", "own"), imports=imports) == {"A": "a", "B": "b", "C": "own"}


@pytest.mark.parametrize("imports", [None, []])
def test_a_folder_without_imports(imports):
    assert read(row("A", "1"), imports=imports) == {"A": "1"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (listing(row("A", "*****", secretValueHidden=True)), "A: the server hides the value"),
        (listing({"secretKey": "A", "type": "shared"}), "A: the server hides the value"),
        (listing(row("A", None)), "A: the server hides the value"),
        (listing(row("A", 5)), "A: the server hides the value"),
        (listing(row("A", "1", environment="dev")), "answered with dev:/ instead"),
        (listing(row("A", "1", secretPath="/other")), "answered with prod:/other instead"),
        (listing(row("A", "1"), imports=[{"secrets": [row("B", "*", secretValueHidden=True)]}]), "hides the value"),
        (listing(row("A", "1"), imports={"a": 1}), "not a list of imports"),
        (listing(row("A", "1"), imports=["a"]), "not a list of imports"),
        (listing(row("A", "1"), imports=[{}]), "no list of secrets"),
        ({}, "no list of secrets"),
        ({"secrets": None}, "no list of secrets"),
        ({"secrets": {"A": "1"}}, "no list of secrets"),
        ({"secrets": ["A"]}, "not a secret"),
        ({"secrets": [{"secretValue": "1"}]}, "not a secret"),
        ((200, b"<html>"), "not a JSON object"),
        ((200, b""), "not a JSON object"),
        ((200, b"[]"), "not a JSON object"),
        ((204, b""), "not a JSON object"),
        ((302, b""), "not a JSON object"),
    ],
)
def test_an_answer_that_is_not_the_whole_truth_is_refused(answer, said):
    server = Server([answer])
    with pytest.raises(BadAnswerError, match=said):
        server.client().secrets(SCOPE)
    assert server.waits == []


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (problem(401, "Invalid credentials"), UnauthorisedError, r"Invalid credentials \(401\)"),
        (problem(401, "This identity auth method is temporarily locked"), UnauthorisedError, "locked"),
        (problem(403, "Your token has expired", "TokenError"), TokenExpiredError, "expired"),
        (problem(403, "jwt malformed", "TokenError"), TokenExpiredError, "malformed"),
        (problem(403, "Service token has expired", "ForbiddenRequestError"), TokenExpiredError, "expired"),
        (problem(403, "You are not allowed", "PermissionDenied"), ForbiddenError, r"not allowed \(403\)"),
        ((403, b"<html>"), ForbiddenError, r"no message \(403\)"),
        (problem(404, "Folder with path '/x' was not found"), NotFoundError, "Folder"),
        (problem(404, ""), NotFoundError, r"Error \(404\)"),
        (problem(400, {"some": "object"}, "BadRequest"), RejectedError, r"BadRequest \(400\)"),
        (
            problem(422, [{"path": ["environment"], "message": "Required"}, {"path": [], "message": "x"}]),
            RejectedError,
            r"environment Required; x \(422\)",
        ),
    ],
)
def test_a_refusal_is_told_apart_and_never_repeated(answer, error, said):
    server = Server([answer])
    with pytest.raises(ApiError, match=said) as caught:
        server.client().secrets(SCOPE)
    assert type(caught.value) is error
    assert caught.value.fault.remedy
    assert (len(server.asked), server.waits) == (1, [])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_fault_that_passes_is_waited_for(status):
    server = Server([problem(status, "x"), problem(status, "x"), listing(row("A", "1"))])
    assert server.client().secrets(SCOPE) == {"A": "1"}
    assert server.waits == [0.5, 1]


@pytest.mark.parametrize(
    ("status", "error"), [(429, RateLimitedError), (500, ServerFaultError), (503, ServerFaultError)]
)
def test_a_fault_that_stays_is_said(status, error):
    with pytest.raises(error):
        Server([problem(status, "x")] * 5).client().secrets(SCOPE)


def test_a_server_without_the_new_route_is_asked_by_the_old_one():
    server = Server({LIST: (404, MISSING_ROUTE), OLD_LIST: listing(row("A", "1"))})
    assert server.client().secrets(SCOPE) == {"A": "1"}
    assert server.paths == [LIST, OLD_LIST]
    assert server.query(1)["workspaceId"] == "project-id"
    assert "projectId" not in server.query(1)


@pytest.mark.parametrize("message", ["Project with ID project-id not found", "Environment 'prod' not found", "", None])
def test_a_project_or_folder_that_is_not_there_is_not_looked_for_by_the_old_route(message):
    server = Server({LIST: problem(404, message)})
    with pytest.raises(NotFoundError):
        server.client().secrets(SCOPE)
    assert server.paths == [LIST]


def test_writing_makes_all_exist_in_one_request():
    server = Server({BATCH: {"secrets": []}})
    server.client().upsert(SCOPE, {"B": "2", "A": "1"})
    assert server.asked[0][0] == "PATCH"
    assert server.body() == {
        **{"projectId": "project-id", "environment": "prod", "secretPath": "/", "mode": "upsert"},
        "secrets": [{"secretKey": "A", "secretValue": "1"}, {"secretKey": "B", "secretValue": "2"}],
    }


def test_writing_nothing_asks_nothing():
    server = Server({})
    server.client().upsert(SCOPE, {})
    assert server.asked == []


def test_writing_to_a_server_without_the_new_route():
    missing = {"message": "Route PATCH:/api/v4/secrets/batch not found"}
    server = Server({BATCH: (404, missing), OLD_BATCH: {"secrets": []}})
    server.client().upsert(SCOPE, {"A": "1"})
    assert server.body(1)["workspaceId"] == "project-id"
    assert "projectId" not in server.body(1)


@pytest.mark.parametrize("answer", [{"approval": {"id": "x"}}, {"approval": {"id": "x"}, "secrets": []}, {}])
def test_a_change_that_waits_for_an_approval_has_changed_nothing(answer):
    with pytest.raises(ForbiddenError, match="waits for an approval"):
        Server({BATCH: answer}).client().upsert(SCOPE, {"A": POISON})


def test_a_write_whose_answer_is_lost_is_repeated_as_it_makes_the_same_again():
    server = Server([httpx.ReadTimeout("late"), {"secrets": []}])
    server.client().upsert(SCOPE, {"A": "1"})
    assert len(server.asked) == 2


def test_removing_sends_the_scope_and_a_name_that_is_gone_is_no_fault():
    answers = {f"{LIST}/A": {"secret": {}}, f"{LIST}/B": problem(404, "Secret with name 'B' not found")}
    server = Server(answers)
    server.client().delete(SCOPE, ["B", "A"])
    assert [(method, path) for method, path, _ in server.asked] == [("DELETE", f"{LIST}/A"), ("DELETE", f"{LIST}/B")]
    assert server.body() == {"projectId": "project-id", "environment": "prod", "secretPath": "/"}


def test_removing_from_a_folder_that_is_not_there_is_a_fault():
    with pytest.raises(NotFoundError):
        Server({f"{LIST}/A": problem(404, "Folder with path '/' was not found")}).client().delete(SCOPE, ["A"])


def test_removing_by_the_old_route():
    missing = {"message": "Route DELETE:/api/v4/secrets/A not found"}
    server = Server({f"{LIST}/A": (404, missing), f"{OLD_LIST}/A": {"secret": {}}})
    server.client().delete(SCOPE, ["A"])
    assert server.body(1) == {"workspaceId": "project-id", "environment": "prod", "secretPath": "/"}


def test_a_name_cannot_lead_elsewhere():
    server = Server({f"{LIST}/..%2Fx%3Fy": {"secret": {}}})
    server.client().delete(SCOPE, ["../x?y"])
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("st.id.secret.e2ee-key", "st.id.secret"),
        ("st.id.secret", "st.id.secret"),
        ("header.payload.signature.more", "header.payload.signature.more"),
        ("plain", "plain"),
    ],
)
def test_of_a_service_token_the_server_gets_three_parts(given, sent):
    server = Server({LIST: listing()})
    client = server.client(token=given)
    client.secrets(SCOPE)
    assert server.asked[0][2].headers["authorization"] == f"Bearer {sent}"


def test_logging_in():
    server = Server([{"accessToken": "header.payload.signature", "expiresIn": 3600}, listing()])
    client = server.client(token="")
    assert client.login("client", POISON) == 3600
    client.secrets(SCOPE)
    assert "authorization" not in server.asked[0][2].headers
    assert server.asked[1][2].headers["authorization"] == "Bearer header.payload.signature"
    assert server.body() == {"clientId": "client", "clientSecret": POISON}


@pytest.mark.parametrize(
    "answer", [{}, {"accessToken": ""}, {"accessToken": None}, {"accessToken": ["x"]}, (200, b"<html>")]
)
def test_a_login_without_a_token_is_refused(answer):
    with pytest.raises(BadAnswerError):
        Server([answer]).client("").login("client", POISON)


@pytest.mark.parametrize("expires", [None, "soon", []])
def test_a_login_that_does_not_say_how_long_it_lasts(expires):
    assert Server([{"accessToken": "a.b.c", "expiresIn": expires}]).client("").login("client", POISON) == 0


def test_a_refused_login_is_not_repeated_as_three_would_lock_the_identity():
    server = Server([problem(401, "Invalid credentials")])
    with pytest.raises(UnauthorisedError):
        server.client("").login("client", POISON)
    assert len(server.asked) == 1


def test_a_login_whose_answer_is_lost_is_repeated():
    server = Server([httpx.ReadTimeout("late"), {"accessToken": "a.b.c", "expiresIn": 1}])
    assert server.client("").login("client", POISON) == 1


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        (None, None),
        ("2026-05-09T00:00:00.000Z", datetime(2026, 5, 9, tzinfo=UTC)),
        ("2026-05-09", datetime(2026, 5, 9, tzinfo=UTC)),
    ],
)
def test_what_a_service_token_says_of_itself(expires, expected):
    answer = {"workspace": "p", "scopes": [{"environment": "prod", "secretPath": "/**"}], "expiresAt": expires}
    found = Server({"/api/v2/service-token": answer}).client("st.a.b").service_token()
    assert found == ServiceToken("p", (("prod", "/**"),), expected)


@pytest.mark.parametrize(
    ("scopes", "path", "expected"),
    [
        ((("prod", "/"),), "/", True),
        ((("prod", "/**"),), "/", True),
        ((("prod", "/**"),), "/apps/api", True),
        ((("dev", "/"), ("prod", "/apps")), "/apps", True),
        ((("prod", "/apps"),), "/", False),
        ((("dev", "/**"),), "/", False),
        ((), "/", False),
    ],
)
def test_what_a_service_token_reads(scopes, path, expected):
    assert ServiceToken("p", scopes, None).reads(Scope("p", "prod", path)) is expected


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"workspace": None},
        {"workspace": "p", "scopes": "x"},
        {"workspace": "p", "scopes": [1]},
        {"workspace": "p", "expiresAt": "x"},
    ],
)
def test_what_says_nothing_of_a_service_token_is_refused(answer):
    with pytest.raises(BadAnswerError):
        Server({"/api/v2/service-token": answer}).client("st.a.b").service_token()


ECHO = f"value {POISON} of {BEARER}"


@pytest.mark.parametrize(
    "answer",
    [
        *(problem(status, ECHO) for status in (400, 401, 403, 404, 422, 429, 500)),
        problem(422, [{"path": [POISON], "message": ECHO}]),
        problem(400, {"value": POISON}),
        (200, ECHO.encode()),
        {"approval": {"value": POISON}},
        httpx.ReadError(ECHO),
        httpx.ConnectError(ECHO),
    ],
)
def test_no_error_and_no_representation_holds_a_token_or_a_value(answer):
    client = Server([answer] * 5).client()
    with pytest.raises(ApiError) as caught:
        client.upsert(SCOPE, {"A": POISON})
    shown = f"{caught.value} {caught.value!r} {caught.value.args} {caught.value.fault} {client!r} {client.session!r}"
    assert POISON not in shown
    assert BEARER not in shown


def test_whatever_is_read_is_masked_from_then_on():
    value = sha256(b"read").hexdigest()[:20]
    read(row("A", value), imports=[{"secrets": [row("B", value[::-1])]}])
    assert redact(f"{value} {value[::-1]}") == "«masked» «masked»"


def test_the_context_ends_the_connections():
    with Server({}).client() as client:
        pass
    assert client.session._client.is_closed
