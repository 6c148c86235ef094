"""Vultr: what is read and sent, pages, what is never repeated, and everything that is no answer."""

import json

import httpx
import pytest
from fake_cloud import NOWHERE, PASSWORD, instance, plan
from pydantic import SecretStr

from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    ServerFaultError,
    UnauthorisedError,
    UnreachableError,
)
from estate.clients.vultr import Vultr
from estate.models.cloud import Machine, Plan
from estate.secrets.redact import redact

BEARER = "vultr-bearer-0123456789"


class Server:
    """Answers in turn, the last one for good."""

    def __init__(self, *answers):
        self.answers, self.requests, self.waits = list(answers), [], []

    def handle(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body, *headers = answer
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return httpx.Response(status, headers=headers[0] if headers else None, **content)

    def client(self, key=BEARER):
        token = SecretStr(key) if key else None
        return Vultr(token, transport=httpx.MockTransport(self.handle), sleep=self.waits.append)


def page(key, rows, following=""):
    return (200, {key: rows, "meta": {"total": 9, "links": {"next": following, "prev": ""}}})


def test_plans_are_told_without_a_token():
    server = Server(page("plans", [plan("vc2-1c-1gb", 1024, 5, ("ewr", "nrt"))]))
    with server.client("") as vultr:
        assert not vultr.authenticated
        assert vultr.plans() == {"vc2-1c-1gb": Plan("vc2-1c-1gb", 1024, 25, 5.0, frozenset({"ewr", "nrt"}))}
    assert str(server.requests[0].url) == "https://api.vultr.com/v2/plans?per_page=500"
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(("name", "expected"), [("vc2-1c-0.5gb-v6", False), ("vc2-1c-0.5gb", True)])
def test_a_plan_without_ipv4_is_known_by_its_id(name, expected):
    assert Plan(name, 512, 10, 2.5, frozenset()).ipv4 is expected


def test_what_a_region_has_free():
    server = Server((200, {"available_plans": ["vc2-1c-1gb"]}))
    assert server.client("").free("nrt") == {"vc2-1c-1gb"}
    assert server.requests[0].url.path == "/v2/regions/nrt/availability"


def test_every_page_is_read():
    server = Server(
        page("instances", [instance("tokyo")], "bmV4dA=="),
        page("instances", []),
    )
    assert [machine.label for machine in server.client().machines()] == ["tokyo"]
    assert [dict(request.url.params) for request in server.requests] == [
        {"per_page": "500"},
        {"per_page": "500", "cursor": "bmV4dA=="},
    ]
    assert server.requests[0].headers["authorization"] == f"Bearer {BEARER}"


@pytest.mark.parametrize("following", [["a", "a"], ["a", "b", "a"]])
def test_a_list_that_does_not_end_is_given_up(following):
    server = Server(*[page("instances", [], cursor) for cursor in following])
    with pytest.raises(BadAnswerError, match="does not end"):
        server.client().machines()


def test_a_list_of_new_pages_without_end_is_given_up():
    count = iter(range(10**6))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=page("instances", [], str(next(count)))[1]))
    with pytest.raises(BadAnswerError, match="after 100 pages"):
        Vultr(SecretStr(BEARER), transport=transport).machines()


@pytest.mark.parametrize(
    ("over", "ready", "address"),
    [
        ({}, True, "192.0.2.7"),
        ({"main_ip": NOWHERE}, True, ""),
        ({"main_ip": ""}, True, ""),
        ({"status": "pending"}, False, "192.0.2.7"),
        ({"power_status": "stopped"}, False, "192.0.2.7"),
        ({"server_status": "locked"}, False, "192.0.2.7"),
        ({"server_status": None}, False, "192.0.2.7"),
    ],
)
def test_when_a_machine_is_ready_and_where(over, ready, address):
    server = Server((200, {"instance": instance("tokyo") | over}))
    found = server.client().machine("id-tokyo")
    expected = Machine("id-tokyo", "tokyo", frozenset({"estate-edge.test"}), "nrt", "vc2-1c-1gb", address, ready)
    assert found == expected


def test_an_order_is_sent_once_and_the_root_password_is_kept_from_sight():
    server = Server((202, {"instance": instance("tokyo", address=NOWHERE) | {"default_password": PASSWORD}}))
    made = server.client().create({"label": "tokyo", "region": "nrt"})
    assert (made.label, made.address) == ("tokyo", "")
    assert PASSWORD not in repr(made)
    assert PASSWORD not in redact(f"it is {PASSWORD}")
    assert json.loads(server.requests[0].content) == {"label": "tokyo", "region": "nrt"}


@pytest.mark.parametrize("fault", [(503, {}), (500, b""), httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut")])
def test_an_order_that_may_have_been_taken_is_not_repeated(fault):
    server = Server(fault)
    with pytest.raises(ApiError):
        server.client().create({"label": "tokyo"})
    assert (len(server.requests), server.waits) == (1, [])


@pytest.mark.parametrize("fault", [(429, {}), httpx.ConnectError("refused")])
def test_an_order_that_was_not_taken_is_repeated(fault):
    server = Server(fault, (202, {"instance": instance("tokyo")}))
    assert server.client().create({"label": "tokyo"}).label == "tokyo"
    assert server.waits == [0.5]


@pytest.mark.parametrize("answer", [(204, b""), (404, {"error": "Invalid instance ID.", "status": 404})])
def test_a_machine_that_is_gone_is_deleted(answer):
    server = Server(answer)
    server.client().delete("id-1")
    assert (server.requests[0].method, server.requests[0].url.path) == ("DELETE", "/v2/instances/id-1")


def test_a_key_is_known_by_its_text_and_added_once():
    there = [
        {"id": "k1", "name": "somebody", "ssh_key": "ssh-ed25519 AAAA somebody@else"},
        {"id": "k2", "name": "twice", "ssh_key": "ssh-ed25519 AAAA\n"},
    ]
    server = Server(page("ssh_keys", there), (201, {"ssh_key": {"id": "k3", "name": "n", "ssh_key": "x"}}))
    assert server.client().key_ids("estate", ("ssh-ed25519 AAAA me", "ssh-ed25519 BBBB me")) == ["k1", "k3"]
    assert json.loads(server.requests[1].content) == {"name": "estate", "ssh_key": "ssh-ed25519 BBBB me"}
    assert len(server.requests) == 2


def problem(status, message="no"):
    return (status, {"error": message, "status": status})


@pytest.mark.parametrize(
    ("answer", "error", "said", "advice"),
    [
        (problem(400, "Server add failed: plan not available"), RejectedError, r"not available \(400\)", "correct"),
        (problem(401, "Invalid API token."), UnauthorisedError, r"Invalid API token. \(401\)", "API key"),
        (problem(403, "Unauthorized IP"), ForbiddenError, r"Unauthorized IP \(403\)", "this machine's address"),
        (problem(404), NotFoundError, "404", "console"),
        (problem(422), RejectedError, "422", "correct"),
        ((400, b"<html>"), RejectedError, r"no message \(400\)", "correct"),
        ((400, {"error": {"a": 1}}), RejectedError, "no message", "correct"),
        ((400, []), RejectedError, "no message", "correct"),
        (problem(429), RateLimitedError, "429", "wait a minute"),
        ((429, {}, {"retry-after": "3600"}), RateLimitedError, "3600 s", "wait a minute"),
        (problem(500), ServerFaultError, "500", "status page"),
        (problem(503), ServerFaultError, "503", "status page"),
        (httpx.ConnectError("refused"), UnreachableError, "no connection", "reaches it"),
        (httpx.ReadTimeout("late"), UnreachableError, "no answer", "reaches it"),
        ((302, b""), BadAnswerError, "not a JSON object", "proxy"),
    ],
)
def test_what_goes_wrong_says_what_to_do(answer, error, said, advice):
    with pytest.raises(error, match=said) as caught:
        Server(answer).client().machines()
    assert advice in caught.value.advice
    assert "sealed" not in caught.value.advice


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"",
        {},
        {"instances": None},
        {"instances": {"a": 1}},
        {"instances": ["a"]},
        {"instances": [{}]},
        {"instances": [instance("tokyo") | {"label": None}]},
        {"instances": [instance("tokyo") | {"tags": "estate"}]},
        {"instances": [instance("tokyo") | {"tags": [1]}]},
        {"instances": [instance("tokyo") | {"main_ip": 7}]},
    ],
)
def test_an_answer_that_is_no_list_of_machines_is_refused(body):
    with pytest.raises(BadAnswerError):
        Server((200, body)).client().machines()


@pytest.mark.parametrize(
    "over", [{"ram": "1024"}, {"ram": True}, {"monthly_cost": None}, {"locations": "ewr"}, {"id": 7}, {"disk": []}]
)
def test_a_plan_that_makes_no_sense_is_refused(over):
    with pytest.raises(BadAnswerError):
        Server(page("plans", [plan() | over])).client().plans()


@pytest.mark.parametrize("body", [{}, {"instance": None}, {"instance": []}])
def test_an_answer_without_the_machine_is_refused(body):
    with pytest.raises(BadAnswerError, match="holds no instance"):
        Server((200, body)).client().machine("id-1")


@pytest.mark.parametrize("body", [{}, {"available_plans": "all"}, {"available_plans": [1]}])
def test_an_answer_that_does_not_say_what_is_free_is_refused(body):
    with pytest.raises(BadAnswerError):
        Server((200, body)).client().free("nrt")


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_an_error_that_repeats_the_key_is_masked(status):
    client = Server(problem(status, f"no such key: {BEARER}")).client()
    with pytest.raises(ApiError) as caught:
        client.machines()
    assert BEARER not in f"{caught.value} {caught.value!r} {caught.value.fault} {client!r} {vars(client)!r}"
