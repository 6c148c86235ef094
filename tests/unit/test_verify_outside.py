"""What is seen from the controller."""

import socket

import pytest

from estate.verify import outside
from estate.verify.outside import Answer, login_methods, open_ports, visit, visit_new


def test_only_listening_ports_are_open():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        listening, silent = server.getsockname()[1], bound.getsockname()[1]
        assert open_ports("127.0.0.1", [listening, silent]) == {listening}


@pytest.mark.parametrize(
    ("stderr", "methods"),
    [
        ("ops@192.0.2.1: Permission denied (publickey).\n", ["publickey"]),
        (
            "banner\nops@h: Permission denied (publickey,password,keyboard-interactive).\r\n",
            ["publickey", "password", "keyboard-interactive"],
        ),
        ("ssh: connect to host h port 22: Connection refused", []),
        ("", []),
    ],
)
def test_the_refusal_of_sshd_names_what_it_takes(stderr, methods):
    assert login_methods(stderr) == methods


def test_a_site_that_does_not_answer_is_an_error_and_no_exception():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        answer = visit(f"http://vault.example.org:{bound.getsockname()[1]}/", "127.0.0.1", None)
    assert answer.status == 0
    assert answer.error


NO_CERTIFICATE = Answer(error="[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert internal error (_ssl.c:1006)")


@pytest.mark.parametrize(
    ("answers", "asked", "found"),
    [
        ([NO_CERTIFICATE, NO_CERTIFICATE, Answer(200)], 3, Answer(200)),
        ([Answer(error="Connection refused"), Answer(200)], 1, Answer(error="Connection refused")),
        ([NO_CERTIFICATE] * 40, 26, NO_CERTIFICATE),
    ],
    ids=["it comes", "another fault", "it never comes"],
)
def test_only_a_certificate_that_is_on_its_way_is_waited_for(monkeypatch, answers, asked, found):
    clock, given = [0.0], []
    monkeypatch.setattr("tenacity.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(outside, "visit", lambda *_: given.append(1) or answers[len(given) - 1])
    assert visit_new("https://vault.example.org/", "127.0.0.1", None) == found
    assert len(given) == asked
