"""The probe: what it asks, and how its answer is read."""

import shutil
import subprocess

import pytest
from factories import mainframe, stack

from estate.models.stack_settings import HeadscaleSettings
from estate.render.host import tasks_of
from estate.secrets.placeholders import placeholders
from estate.verify.observation import parse, probe


def test_lines_belong_to_the_section_above_them():
    seen = parse(["noise before", "@@one", "a", "", "b", "@@two", "@@one", "c"])
    assert seen.lines("one") == ["a", "b", "c"]
    assert seen.text("two") == ""
    assert seen.lines("never printed") == []


def test_rows_are_known_by_their_first_field():
    assert parse(["@@paths", "/a\t644\t0", "/b\t600\t1"]).rows("paths") == {"/a": ["644", "0"], "/b": ["600", "1"]}


def test_repeated_keywords_of_sshd_are_joined():
    seen = parse(["@@sshd", "allowusers root", "allowusers ops", "port 22", "banner"])
    assert seen.sshd() == {"allowusers": "root ops", "port": "22", "banner": ""}


def test_a_later_setting_of_journald_counts():
    seen = parse(["@@journald", "[Journal]", "SystemMaxUse=1", "SystemMaxUse=2"])
    assert seen.journald() == {"SystemMaxUse": "2"}


def test_containers_are_known_by_service_or_else_by_name():
    seen = parse(["@@containers", '{"name": "/caddy", "service": "caddy"}', '{"name": "/by-hand", "service": ""}'])
    assert set(seen.containers()) == {"caddy", "by-hand"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["@@caddy", '{"token": "hunter2'], "the answer of caddy is not JSON"),
        ([], "the answer of caddy is empty: nothing answered"),
    ],
)
def test_an_answer_that_is_not_json_is_named_and_not_quoted(lines, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse(lines).json("caddy")
    assert "hunter2" not in str(caught.value)


def test_the_probe_of_a_mainframe_is_shell_without_a_secret():
    host, project = mainframe(headscale=HeadscaleSettings(base_domain="tail.example.org")), stack()
    secrets = {name: f"poison-{name}" for name in placeholders(project)}
    secrets |= {"TELEGRAM_CHAT_ID": "-100200300"}
    script = probe(host, project, tasks_of(host, project, secrets).values())
    assert "poison-" not in script
    assert "DATABASES='infisical-db postgres'" in script
    assert "QUEUES='infisical-redis redis'" in script
    assert "/opt/prodg/compose/.env" in script
    # one argument of a command may have 128 KiB
    assert len(script) < 100_000
    checked = subprocess.run([shutil.which("sh"), "-n"], input=script, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr


def test_the_probe_of_a_plain_host_asks_for_no_containers():
    script = probe(mainframe(), None, ())
    assert "PROJECT=''" in script
