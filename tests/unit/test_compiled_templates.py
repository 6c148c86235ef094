"""Compiled templates outlive a run, and are never trusted or needed."""

import marshal
import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from estate.render.compiled import compiled, compiled_directory


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def rendered(text, options=None):
    environment = Environment(loader=DictLoader({"page": text}), bytecode_cache=compiled(options), autoescape=True)
    return environment.get_template("page").render(name="world")


def kept():
    return sorted(compiled_directory().iterdir())


def test_a_second_run_compiles_nothing():
    assert rendered("hello {{ name }}") == "hello world"
    (entry,) = kept()
    entry.write_bytes(entry.read_bytes().replace(b"hello", b"HELLO"))
    assert rendered("hello {{ name }}") == "HELLO world"


def test_another_text_of_the_same_name_is_compiled():
    rendered("hello {{ name }}")
    assert rendered("bye {{ name }}") == "bye world"


def test_other_options_are_another_entry():
    rendered("hello {{ name }}")
    rendered("hello {{ name }}", {"trim_blocks": True})
    assert len(kept()) == 2


@pytest.mark.parametrize("garbage", [b"", b"j2", marshal.dumps("hello")], ids=["empty", "cut", "something else"])
def test_an_entry_that_is_no_entry_is_compiled_again(garbage):
    rendered("hello {{ name }}")
    kept()[0].write_bytes(garbage)
    assert rendered("hello {{ name }}") == "hello world"


def test_it_is_its_owners_alone(cache_home):
    rendered("hello {{ name }}")
    assert compiled_directory().stat().st_mode & 0o777 == 0o700
    compiled_directory().chmod(0o777)
    assert compiled(None) is None


def test_nothing_is_kept_where_nothing_can_be(monkeypatch, cache_home):
    (cache_home / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home / "file"))
    assert compiled(None) is None
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", classmethod(no_home))
    assert compiled(None) is None


def no_home(_):
    raise RuntimeError("Could not determine home directory.")


def test_a_full_disk_is_no_reason_to_stop(monkeypatch):
    cache = compiled(None)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["jinja2.bccache"].tempfile, "NamedTemporaryFile", full)
    environment = Environment(loader=DictLoader({"page": "hello"}), bytecode_cache=cache, autoescape=True)
    assert environment.get_template("page").render() == "hello"
    assert kept() == []
