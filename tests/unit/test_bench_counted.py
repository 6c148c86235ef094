from types import SimpleNamespace

import pytest

from lab.bench.counted import totals, watch


@pytest.fixture
def connector():
    class Connector:
        def __init__(self, name):
            self.host = SimpleNamespace(name=name)

        def run_shell_command(self, command, **options):
            return True, (command, options)

        def put_file(self, content, path):
            return self.run_shell_command(f"mv {path}")

        def get_file(self, path):
            raise OSError(path)

    return Connector


def test_calls_are_counted_by_host_and_method(connector):
    counts = watch(connector)
    connector("a").run_shell_command("true")
    connector("a").run_shell_command("true")
    connector("b").run_shell_command("true")
    assert totals(counts) == {"a": 2, "b": 1}


def test_a_watched_call_returns_what_the_connector_returns(connector):
    watch(connector)
    assert connector("a").run_shell_command("true", timeout=3) == (True, ("true", {"timeout": 3}))


def test_the_command_that_an_upload_runs_is_counted_too(connector):
    counts = watch(connector)
    connector("a").put_file(b"", "/etc/motd")
    assert counts["a"] == {"put_file": 1, "run_shell_command": 1}


def test_a_call_that_fails_is_counted(connector):
    counts = watch(connector)
    with pytest.raises(OSError, match="/etc/motd"):
        connector("a").get_file("/etc/motd")
    assert counts["a"] == {"get_file": 1}
