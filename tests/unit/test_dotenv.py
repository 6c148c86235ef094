"""`.env` lines: quoting, and what a line cannot hold. What Compose makes of them: tests/lab/test_dotenv.py."""

import pytest

from estate.models.faults import EstateFaults
from estate.render.dotenv import dotenv, quote


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a$b #c", "'a$b #c'"),
        ('say "hi"', "'say \"hi\"'"),
        ("it's $5", '"it\'s \\$5"'),
        ("a\\b", '"a\\\\b"'),
        ("", "''"),
    ],
)
def test_a_value_is_quoted_so_that_nothing_in_it_is_special(value, quoted):
    assert quote(value) == quoted


def test_names_are_sorted_and_every_value_is_there():
    assert dotenv({"B": "2", "A": "1"}).splitlines()[1:] == ["A='1'", "B='2'"]


def test_a_line_break_is_refused_with_every_name_at_once_and_no_value():
    with pytest.raises(EstateFaults) as caught:
        dotenv({"KEY": "hidden\nvalue", "OTHER": "hidden\r", "FINE": "x"})
    assert [fault.path for fault in caught.value.faults] == [".env/KEY", ".env/OTHER"]
    assert "cannot contain a line break" in str(caught.value)
    assert "hidden" not in str(caught.value)
