"""The client of Uptime Kuma without one: its errors, and the order of what it does. tests/contract has the real one."""

import pytest
from monitored_fleet import FLEET, listed
from pydantic import SecretStr
from socketio.exceptions import BadNamespaceError
from socketio.exceptions import TimeoutError as SocketTimeoutError

from estate.clients.errors import (
    BadAnswerError,
    RateLimitedError,
    RejectedError,
    UnauthorisedError,
    UnreachableError,
)
from estate.clients.kuma import Kuma, provision

PASSWORD = SecretStr("a-password-of-mine")


class FakeSocket:
    """Answers calls from a table, and keeps them."""

    def __init__(self, kuma, answers, present=None):
        self.kuma, self.answers, self.present = kuma, answers, present or {}
        self.calls = []

    def call(self, event, data, timeout):
        self.calls.append((event, data))
        if event == "getMonitorList":
            self.kuma._keep("monitorList", {str(number): found for number, found in self.present.items()})
        answer = self.answers.get(event, {"ok": True})
        if isinstance(answer, Exception):
            raise answer
        return answer


def kuma(answers=(), present=None, version="2.5.3"):
    client = Kuma("http://127.0.0.1:1")
    client._socket = FakeSocket(client, dict(answers), present)
    client._keep("info", {"version": version})
    return client


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"ok": False, "msg": "authIncorrectCreds"}, UnauthorisedError),
        ({"ok": False, "msg": "Incorrect username or password."}, UnauthorisedError),
        ({"tokenRequired": True}, UnauthorisedError),
        ({"ok": False, "msg": "Too frequently, try again later."}, RateLimitedError),
        ({"ok": False, "msg": "anything else"}, RejectedError),
        (None, BadAnswerError),
        ("text", BadAnswerError),
        (SocketTimeoutError(), UnreachableError),
        (BadNamespaceError(), UnreachableError),
    ],
)
def test_a_fault_is_one_of_our_errors_without_the_password(answer, error):
    with pytest.raises(error) as caught:
        kuma({"login": answer}).login("admin", PASSWORD)
    assert PASSWORD.get_secret_value() not in f"{caught.value}{caught.value.fault}"
    assert caught.value.fault.remedy


def test_members_are_added_to_the_group_that_was_just_made():
    client = kuma({"add": {"ok": True, "monitorID": 7}})
    provision(client, FLEET[:2])
    (_, (group,)), (_, (member,)) = client._socket.calls[1:]
    assert (group["type"], group["parent"]) == ("group", None)
    assert (member["type"], member["parent"], member["conditions"]) == ("push", 7, [])


def test_the_release_in_npm_is_not_told_what_it_does_not_know():
    client = kuma({"add": {"ok": True, "monitorID": 7}}, version="2.0.0-dev.0")
    provision(client, FLEET[:1])
    assert "conditions" not in client._socket.calls[-1][1][0]


def test_an_edit_keeps_what_we_do_not_manage_and_a_group_is_deleted_last():
    present = listed()
    present[2] |= {"interval": 900, "rabbitmqNodes": ["kept"]}
    client = kuma(present=present)
    done = provision(client, FLEET[:4])
    edit, *deleted = client._socket.calls[1:]
    assert edit[1][0]["interval"] == 60
    assert edit[1][0]["rabbitmqNodes"] == ["kept"]
    assert [data[0] for event, data in deleted] == [6, 7, 8, 5]
    assert len(done.edit) == 1


def test_an_answer_without_the_list_is_told():
    client = kuma()
    client._keep = lambda name, data: None
    with pytest.raises(BadAnswerError, match="brought no monitorList"):
        client.monitors()
