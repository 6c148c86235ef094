"""What is written to a .env file is read back as it was; what is no such file is refused by line."""

import json

import pytest

from estate.models.faults import EstateFaults
from estate.render.dotenv import dotenv
from estate.secrets.compare import compare
from estate.secrets.env_file import read_values

HARD = {
    "PLAIN": "abcDEF123",
    "EQUALS": "a=b==c",
    "DOLLAR": "a$b ${C} $$",
    "SINGLE": "it's",
    "DOUBLE": 'say "hi"',
    "BOTH": 'it\'s "five" $5 and \\ back',
    "HASH": "a #b",
    "BACKSLASH": "C:\\new\\table",
    "BACKSLASH_DOLLAR": "a\\$b'",
    "SPACES": "a  b",
    "UNICODE": "ünïcødé ✓",
    "EMPTY": "",
}


def test_every_hard_value_survives_the_round_trip(tmp_path):
    path = tmp_path / ".env"
    path.write_text(dotenv(HARD))
    assert read_values(path) == HARD


def test_json_is_taken_too(tmp_path):
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(HARD))
    assert read_values(path) == HARD


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", b"{", ":1: not JSON"),
        ("x.json", b"[]", "not an object of names and texts"),
        ("x.json", b'{"A": 1}', "not an object of names and texts"),
        (".env", b"GOOD=poison-1\nb a d = poison-2\n", ":2: not NAME=VALUE"),
        (".env", b"\xff\xfe", "not text in UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused_and_shows_no_value(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(EstateFaults) as caught:
        read_values(path)
    assert message in str(caught.value)
    assert "poison" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EstateFaults, match="no such file"):
        read_values(tmp_path / "nowhere")


def test_a_comparison_names_and_never_shows():
    found = compare({"A": "1", "B": "poison", "C": "x "}, {"B": "other", "C": "x", "D": "2"}, ("here", "there"))
    assert [str(one) for one in found] == ["A: only in here", "B: different values", "D: only in there"]
