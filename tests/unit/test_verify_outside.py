"""What is seen from the controller."""

import socket

import pytest

from estate.verify.outside import login_methods, open_ports, visit


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
